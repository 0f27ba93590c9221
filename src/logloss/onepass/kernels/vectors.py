"""What loops of Python cannot say to the compiler: addresses of columns, products and transposes of small blocks.

A sum of floats is not vectorised by the compiler, as that would change its order. Here the order is written out: LANES
running sums, whose halves are added to each other at the end; so the bits do not depend on the processor.

    a, b  flat arrays of columns, each `stride` places after the one before     i, j  where the first column begins
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from logloss.onepass.kernels.compiled import IS_COMPILED

# Running sums of one product: 64 bytes of float64, twice as many floats of single precision.
LANES = 8
# Rows and columns of a block that is transposed.
BLOCK = 4

if IS_COMPILED:
    from llvmlite import ir  # type: ignore[import-not-found]
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    I64, I32 = ir.IntType(64), ir.IntType(32)

    def _floats_at(kind: Any) -> Any:
        @intrinsic
        def pointer_to(typingctx, address):  # type: ignore[no-untyped-def]
            """A pointer to floats of this kind."""

            def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
                return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

            return types.CPointer(kind)(types.int64), codegen

        @numba.njit(nogil=True, forceinline=True)
        def floats_at(address, length):  # type: ignore[no-untyped-def]
            """The floats at an address, as an array."""
            return numba.carray(pointer_to(address), (length,))

        return floats_at

    def _data(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
        """The address of one place of an array."""
        return builder.gep(context.make_array(kind)(context, builder, array).data, [at])

    def _added_up(builder: Any, vector: Any, n_lanes: int) -> Any:
        """The sum of the lanes: the upper half added to the lower, again and again."""
        while n_lanes > 1:
            n_lanes //= 2
            halves = [
                builder.shuffle_vector(
                    vector, vector, ir.Constant(ir.VectorType(I32, n_lanes), [*range(k, k + n_lanes)])
                )
                for k in (0, n_lanes)
            ]
            vector = builder.fadd(*halves)
        return builder.extract_element(vector, I32(0))

    def block_of_products(n_rows: int, n_columns: int, *, of_sizes: bool = False, is_paired: bool = False) -> Any:
        """A function: out[r·n_columns + c] = Σ_k a_rk · b_ck, in float64. of_sizes: |b| in place of b.

        is_paired: out[r] = Σ_k a_rk · b_rk alone.
        """
        pairs = [(r, c) for r in range(n_rows) for c in range(n_columns) if r == c or not is_paired]

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            kind = signature.args[0].dtype
            size = kind.bitwidth // 8
            n_lanes = LANES * 8 // size
            vector = ir.VectorType(context.get_value_type(kind), n_lanes)
            suffix = f"v{n_lanes}f{8 * size}"
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.{suffix}"
            )
            fabs = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector]), f"llvm.fabs.{suffix}"
            )
            a, i, b, j, stride, length, out = args
            columns = [
                builder.gep(start, [builder.mul(stride, I64(k))])
                for start, n in (
                    (_data(context, builder, signature.args[0], a, i), n_rows),
                    (_data(context, builder, signature.args[2], b, j), n_columns),
                )
                for k in range(n)
            ]
            before = builder.basic_block
            loop, after = builder.append_basic_block("products"), builder.append_basic_block("summed")
            builder.branch(loop)
            builder.position_at_end(loop)
            at = builder.phi(I64)
            at.add_incoming(I64(0), before)
            sums = [builder.phi(vector) for _ in pairs]
            values = [
                builder.load(builder.bitcast(builder.gep(column, [at]), vector.as_pointer()), align=size)
                for column in columns
            ]
            if of_sizes:
                values[n_rows:] = [builder.call(fabs, [value]) for value in values[n_rows:]]
            added = [
                builder.call(fma, [values[r], values[n_rows + c], own]) for (r, c), own in zip(pairs, sums, strict=True)
            ]
            following = builder.add(at, I64(n_lanes))
            at.add_incoming(following, loop)
            for own, more in zip(sums, added, strict=True):
                own.add_incoming(ir.Constant(vector, [0.0] * n_lanes), before)
                own.add_incoming(more, loop)
            builder.cbranch(builder.icmp_signed("<", following, length), loop, after)
            builder.position_at_end(after)
            for k, own in enumerate(added):
                total = _added_up(builder, own, n_lanes)
                total = total if size == 8 else builder.fpext(total, ir.DoubleType())
                builder.store(total, _data(context, builder, signature.args[6], out, I64(k)))
            return context.get_dummy_value()

        @intrinsic
        def products(typingctx, a, i, b, j, stride, length, out):  # type: ignore[no-untyped-def]
            """length: above 0, and a multiple of the lanes."""
            return types.void(a, types.int64, b, types.int64, types.int64, types.int64, out), codegen

        return products

    def _block_transposed(kind: Any) -> Any:
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            address, step, out, at, stride = args
            vector, wide = (ir.VectorType(each, BLOCK) for each in (context.get_value_type(kind), ir.DoubleType()))
            rows = []
            for k in range(BLOCK):
                place = builder.inttoptr(builder.add(address, builder.mul(step, I64(k))), vector.as_pointer())
                row = builder.load(place, align=kind.bitwidth // 8)
                rows.append(row if kind is types.float64 else builder.fpext(row, wide))

            def shuffled(a: Any, b: Any, *places: int) -> Any:
                return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, BLOCK), list(places)))

            even = [shuffled(rows[k], rows[k + 1], 0, 4, 2, 6) for k in (0, 2)]
            odd = [shuffled(rows[k], rows[k + 1], 1, 5, 3, 7) for k in (0, 2)]
            columns = [shuffled(*each, *half) for half in ((0, 1, 4, 5), (2, 3, 6, 7)) for each in (even, odd)]
            for k, column in enumerate(columns):
                place = _data(context, builder, signature.args[2], out, builder.add(at, builder.mul(stride, I64(k))))
                builder.store(column, builder.bitcast(place, wide.as_pointer()), align=8)
            return context.get_dummy_value()

        @intrinsic
        def transposed(typingctx, address, step, out, at, stride):  # type: ignore[no-untyped-def]
            """Four floats of each of four rows, `step` bytes apart, go to four columns of `out`."""
            return types.void(types.int64, types.int64, out, types.int64, types.int64), codegen

        return transposed

    doubles_at, singles_at = _floats_at(types.float64), _floats_at(types.float32)
    transposed_doubles, transposed_singles = _block_transposed(types.float64), _block_transposed(types.float32)
else:
    import ctypes

    def _floats_at(kind: Any) -> Any:
        return lambda address, length: np.ctypeslib.as_array(ctypes.cast(int(address), ctypes.POINTER(kind)), (length,))

    def block_of_products(n_rows: int, n_columns: int, *, of_sizes: bool = False, is_paired: bool = False) -> Any:
        """A function: out[r·n_columns + c] = Σ_k a_rk · b_ck, in float64. of_sizes: |b| in place of b.

        is_paired: out[r] = Σ_k a_rk · b_rk alone.
        """

        def products(a: Any, i: int, b: Any, j: int, stride: int, length: int, out: Any) -> None:
            left, right = (
                np.array([values[at + k * stride : at + k * stride + length] for k in range(n)])
                for values, at, n in ((a, i, n_rows), (b, j, n_columns))
            )
            found = left @ (np.abs(right) if of_sizes else right).T
            found = np.diag(found) if is_paired else found.ravel()
            out[: len(found)] = found

        return products

    def _block_transposed(kind: Any) -> Any:
        def transposed(address: int, step: int, out: Any, at: int, stride: int) -> None:
            for k in range(BLOCK):
                out[at + k : at + k + BLOCK * stride : stride] = _floats_at(kind)(address + k * step, BLOCK)

        return transposed

    doubles_at, singles_at = _floats_at(ctypes.c_double), _floats_at(ctypes.c_float)
    transposed_doubles, transposed_singles = _block_transposed(ctypes.c_double), _block_transposed(ctypes.c_float)
