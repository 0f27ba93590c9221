"""A figure as an SVG element for a page: its colours are the page's, nothing in it has a style attribute."""

from __future__ import annotations

import io
import re
import warnings
from functools import partial
from xml.etree import ElementTree

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from logloss.show.page import identifier
from logloss.show.plot.style import INK, VARIABLES, settings

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
# Attributes that name an element, or refer to one.
NAMING = ("id", "href", f"{{{XLINK}}}href", "clip-path")
PATTERN = re.compile(r"url\(#[\w-]+\)")
# Letters of a path that is no marker.
LONG_PATH = 1_000
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
# Colours of `style.py` as the page's.
COLOURS = {own: f"var(--{name}, {own})" for name, own in (VARIABLES | {"paper": "#ffffff"}).items()}
COLOURS[INK] = "currentColor"
# What is so anyway.
USUAL = {
    ("stroke-dasharray", "none"),
    ("stroke-dashoffset", "0"),
    ("stroke-linecap", "butt"),
    ("stroke-linejoin", "round"),
    ("stroke-miterlimit", "4"),
}


def inline_svg(figure: Figure) -> str:
    """The figure as `<svg …>…</svg>`."""
    buffer = io.StringIO()
    for each in (figure, *figure.axes):
        each.patch.set(facecolor="none", edgecolor="none")
    with settings(), warnings.catch_warnings():
        # Letters are the page's: what matplotlib's font lacks is only measured by it.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        # Not `savefig`, which draws a figure with a layout twice.
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue().encode())
    ElementTree.register_namespace("", SVG)
    # Two figures of a page share no name.
    return _plain(root, identifier(buffer.getvalue()))


def _plain(root: ElementTree.Element, own: str) -> str:
    """The tree without what a page does not need; names of elements begin with the figure's own."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    references = [element.attrib[key] for element in root.iter() for key in NAMING[1:] if key in element.attrib]
    # Hatching is a pattern that areas are filled with.
    references += [hatching for element in root.iter() for hatching in PATTERN.findall(element.attrib.get("style", ""))]
    referred = {name for value in references for name in re.findall(r"#([\w-]+)", value)}
    for element in root.iter():
        _simplify(element, referred)
        for key in set(NAMING) & set(element.attrib):
            element.attrib[key] = re.sub(r"^(url\(#|#|)", rf"\g<1>{own}", element.attrib[key])
        if PATTERN.match(element.attrib.get("fill", "")):
            element.attrib["fill"] = element.attrib["fill"].replace("url(#", f"url(#{own}")
    _drop_unseen(root)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        # Unless an element has its own.
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
        "font-family": "sans-serif",
    }
    _unwrap(root)
    written = ElementTree.tostring(root, encoding="unicode")
    written = written.replace(f' xmlns="{SVG}"', "", 1)
    return re.sub(r">\s+<", "><", written)


def _drop_unseen(parent: ElementTree.Element) -> None:
    """Paths that are neither filled nor drawn: the backgrounds of transparent figures."""
    for child in list(parent):
        _drop_unseen(child)
        is_path = child.tag == f"{{{SVG}}}path" and "id" not in child.attrib
        if is_path and child.attrib.get("fill") == "none" and "stroke" not in child.attrib:
            parent.remove(child)


def _simplify(element: ElementTree.Element, referred: set[str]) -> None:
    """Style as presentation attributes, colours as variables of the page, numbers as short as they look the same."""
    attributes = element.attrib
    for part in attributes.pop("style", "").split(";"):
        name, _, value = (each.strip() for each in part.partition(":"))
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            if size:
                attributes["font-size"] = size[1]
        elif name and name != "font-family" and (name, value) not in USUAL:
            attributes[name] = value
    if attributes.get("id") not in referred:
        attributes.pop("id", None)
    if f"{{{XLINK}}}href" in attributes:
        attributes["href"] = attributes.pop(f"{{{XLINK}}}href")
    for name in ("fill", "stroke"):
        if name in attributes:
            attributes[name] = COLOURS.get(attributes[name], attributes[name])
    for name in ("d", "x", "y", "width", "height", "transform", "points", "stroke-width", "stroke-dasharray"):
        if name in attributes:
            # A twentieth of a point of a long path is a tenth of a pixel; a marker is small, and shows it.
            digits = 1 if len(attributes[name]) > LONG_PATH else 2
            short = NUMBER.sub(partial(_short, digits=digits), attributes[name])
            attributes[name] = short.replace("\n", "").replace("  ", " ").strip()


def _short(number: re.Match[str], digits: int) -> str:
    return f"{round(float(number[0]), digits) + 0.0:g}" if abs(float(number[0])) < 1e5 else number[0]


def _unwrap(parent: ElementTree.Element) -> None:
    """Groups without attributes are replaced by what they hold."""
    for child in list(parent):
        _unwrap(child)
    children: list[ElementTree.Element] = []
    for child in list(parent):
        is_empty_group = child.tag == f"{{{SVG}}}g" and not child.attrib
        children += list(child) if is_empty_group else [child]
    parent[:] = children
