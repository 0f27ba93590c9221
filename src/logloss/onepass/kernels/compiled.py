"""How the kernels are compiled: one decorator, one cache, two intrinsics.

No fast-math flag is ever set. Every kernel is a fixed sequence of IEEE operations (fused multiply-add is
written out where it is wanted), so that a row has the same bits in a vectorised loop, in its scalar rest,
in another kernel and on another processor.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import binding  # type: ignore[import-not-found]
from numba.core import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.runtime import rtsys
from numba.extending import intrinsic, typeof_impl

if TYPE_CHECKING:
    from llvmlite.ir import IRBuilder, Value  # type: ignore[import-not-found]
    from numba.core.base import BaseContext as TargetContext
    from numba.core.types import Type
    from numba.core.typing import Context, Signature

    Codegen = Callable[[TargetContext, IRBuilder, Signature, Sequence[Value]], Value]

IS_COMPILED = not numba.config.DISABLE_JIT
# What numba does not document is used where it is as it was when it was tested; elsewhere kernels are compiled as numba
# does, which takes longer; the results are the same.
IS_TESTED = numba.version_info.short == (0, 68)


def cache_folder() -> pathlib.Path | None:
    """Folder for compiled kernels, named after the hash of their sources; None where nothing can be written.

    numba notices an edited kernel, but not an edited function that the kernel calls: with one folder for each
    state of the sources a stale kernel cannot be found.
    """
    here = pathlib.Path(__file__).parent
    sources = hashlib.sha256()
    for path in sorted(here.glob("*.py")):
        sources.update(path.read_bytes())
    for root in (os.environ.get("LOGLOSS_CACHE_DIR"), _user_cache_folder()):
        # A user without a home has "~" for one: nothing is left in the folder where the program happens to run.
        if not root or root.startswith("~"):
            continue
        folder = pathlib.Path(root) / "kernels" / sources.hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _user_cache_folder() -> str | None:
    """The place where this system keeps what can be made again."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", home), "logloss", "cache")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches", "logloss")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "logloss")


CACHE_FOLDER = cache_folder() if IS_COMPILED else None


class KernelFolder:
    """Where numba keeps a kernel: in the folder of this state of the sources."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        self._py_file, self._line = py_file, py_func.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> KernelFolder | None:
        """That of a kernel; None where it has no source, and cannot be told from others."""
        return cls(py_func, py_file) if os.path.exists(py_file) else None

    def get_cache_path(self) -> str:
        """The folder."""
        return str(CACHE_FOLDER)

    def ensure_cache_path(self) -> None:
        """Make it. numba also writes a file to see whether it can, once for each kernel."""
        os.makedirs(self.get_cache_path(), exist_ok=True)

    def get_source_stamp(self) -> str:
        """What a kernel was compiled of: the folder is named after the sources."""
        return pathlib.Path(self.get_cache_path()).name

    def get_disambiguator(self) -> str:
        """What tells kernels of one name apart."""
        return str(self._line)


class KernelFiles(CompileResultCacheImpl):  # type: ignore[misc]
    """What numba keeps of a kernel, in that folder."""

    _locator_classes = (KernelFolder,)

    def reduce(self, data: Any) -> Any:
        """Its machine code, without what links it into another kernel: three fifths of the bytes, and slow to read."""
        if not IS_TESTED:
            return super().reduce(data)
        (name, kind, (code, _)), *rest = super().reduce(data)
        defined = binding.parse_assembly(f'define void @"{data.fndesc.llvm_cpython_wrapper_name}"() {{ ret void }}')
        return ((name, kind, (code, defined.as_bitcode())), *rest)


class CheckedFiles(IndexDataCacheFile):  # type: ignore[misc]
    """The files of one kernel, each followed by its SHA-256 (pickle does not read that far): what a disk has changed is
    neither unpickled nor run."""

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        written = io.BytesIO()
        yield written
        with super()._open_for_write(filepath) as file:
            file.write(written.getvalue() + hashlib.sha256(written.getvalue()).digest())

    def _load_index(self) -> Any:
        return super()._load_index() if is_whole(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        if not is_whole(self._data_path(name)):
            # What numba takes for a kernel that was not compiled yet.
            raise FileNotFoundError(name)
        return super()._load_data(name)


def is_whole(path: str) -> bool:
    """Whether a file of the cache can be read and is as it was written."""
    try:
        found = pathlib.Path(path).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(found[:-32]).digest() == found[-32:]


class KernelCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of a kernel, without which a process can do: what is damaged or does not fit is compiled again."""

    _impl_class = KernelFiles

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = CheckedFiles(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled before, or None. numba also registers all that it can compile, which takes 0.15 s: that is
        left to what is compiled (`refresh`)."""
        if not IS_TESTED:
            return super().load_overload(sig, target_context)
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, where the disk takes it."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


# nogil: blocks are folded on several threads. error_model: a quotient by 0 is inf or nan, as in NumPy; the check of
# Python would put a branch into each loop.
OPTIONS = {"nogil": True, "error_model": "numpy"}


class PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that kernels call: linked into each of them, optimised and translated only there.

    numba optimises and translates what a kernel calls by itself as well, which takes longer than the kernels do.
    """

    def finalize(self) -> None:
        """Link what it calls itself."""
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None: it is not called by itself."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> PartLibrary:
        """What is told of the environment of a function."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """The environment is that of the kernel."""


class PartCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler, whose code is a `PartLibrary`."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *args: Any) -> None:
        super().__init__(typingctx, targetctx, PartLibrary(targetctx.codegen(), "part"), *args)


class Part(CPUDispatcher):  # type: ignore[misc]
    """A function as part of kernels, without what Python and C would call it by."""

    def __init__(self, function: Callable[..., Any], *, is_inlined: bool) -> None:
        own = {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": is_inlined}
        super().__init__(function, targetoptions={**own, **OPTIONS}, pipeline_class=PartCompiler)

    def get_call_template(self, args: Sequence[Type], kws: dict[str, Type]) -> Any:
        """What a kernel that calls it is told: not which arguments are constants, or each would have its own code."""
        return super().get_call_template([types.unliteral(each) for each in args], kws)


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A kernel: called by Python, and as a part by other kernels."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function, targetoptions={"nopython": True, "no_cfunc_wrapper": True, **OPTIONS})

    def compile(self, sig: Any) -> Any:
        """Compile it for arguments of these types. No memory is searched for cycles meanwhile: a sixth of the time."""
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return super().compile(sig)
        finally:
            if was_enabled:
                gc.enable()

    @cached_property
    def in_kernels(self) -> Part:
        """What other kernels call."""
        return Part(self.py_func, is_inlined=False)

    def get_call_template(self, args: Sequence[Type], kws: dict[str, Type]) -> Any:
        """What a kernel that calls it is told."""
        return self.in_kernels.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        """What that kernel calls."""
        return self.in_kernels.get_overload(sig)


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a kernel when it is first called, without the interpreter lock, cached where that is possible."""
    if not IS_COMPILED:
        return function
    kernel = Kernel(function) if IS_TESTED else numba.njit(no_cfunc_wrapper=True, **OPTIONS)(function)
    if CACHE_FOLDER is not None:
        # numba raises RuntimeError where it finds no source: then the kernel is compiled in each process.
        with contextlib.suppress(RuntimeError):
            kernel._cache = KernelCache(function)
    return kernel


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function of one row; it is inlined by the compiler into each kernel that calls it."""
    return Inlined(function) if IS_COMPILED else function


class Inlined:
    """A function of one row, whose code is in that of each kernel: one that was compiled before needs nothing of it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @cached_property
    def in_kernels(self) -> Any:
        """Inlined by LLVM, not by numba: its optimiser then sees one loop without calls, and vectorises it."""
        if not IS_TESTED:
            return numba.njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(
                self.function
            )
        return Part(self.function, is_inlined=True)

    @cached_property
    def from_python(self) -> Any:
        """The same with what Python calls it by."""
        return numba.njit(**OPTIONS)(self.function)

    def __call__(self, *args: Any) -> Any:
        """Its value at a row."""
        return self.from_python(*args)


@typeof_impl.register(Inlined)
def type_of_inlined(function: Inlined, purpose: object) -> types.Dispatcher:
    """How numba finds what a kernel calls."""
    return types.Dispatcher(function.in_kernels)


if IS_COMPILED:

    @intrinsic
    def fma(typingctx: Context, a: Type, b: Type, c: Type) -> tuple[Signature, Codegen]:
        """a·b + c, rounded once."""

        # Written out: whether a compiler contracts a·b + c depends on the processor, and the bits would.
        def codegen(context: TargetContext, builder: IRBuilder, signature: Signature, args: Sequence[Value]) -> Value:
            return builder.fma(*args)

        return types.float64(types.float64, types.float64, types.float64), codegen

    def bitcast(context: TargetContext, builder: IRBuilder, signature: Signature, args: Sequence[Value]) -> Value:
        """The code of an intrinsic that reads the same bits as another type."""
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    @intrinsic
    def as_bits(typingctx: Context, x: Type) -> tuple[Signature, Codegen]:
        """The 64 bits of a float64, as an int64."""
        return types.int64(types.float64), bitcast

    @intrinsic
    def as_float(typingctx: Context, k: Type) -> tuple[Signature, Codegen]:
        """The float64 that has these 64 bits."""
        return types.float64(types.int64), bitcast

else:

    def fma(a: float, b: float, c: float) -> float:
        """a·b + c, rounded once (exact rationals; plain arithmetic where something is not finite)."""
        if not (np.isfinite(a) and np.isfinite(b) and np.isfinite(c)):
            return np.float64(a) * np.float64(b) + np.float64(c)
        return np.float64(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)))

    def as_bits(x: float) -> int:
        """The 64 bits of a float64, as an int64."""
        return np.float64(x).view(np.int64)  # type: ignore[return-value]

    def as_float(k: int) -> float:
        """The float64 that has these 64 bits."""
        return np.int64(k).view(np.float64)
