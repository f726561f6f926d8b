"""Pictures: what can be said of one without seeing: its size, form, light and colours."""
import os
import warnings

from cloche_analyst import Unreadable, say


def profile(path, report):
    shown = os.path.basename(path)
    try:
        from PIL import Image
    except ImportError:
        raise Unreadable(f"{shown} is an image, and Pillow, which reads those, is not installed in this environment. "
                         f"The environment data-science has it.") from None
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path) as image:
                _profile(image, path, shown, report)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise Unreadable(f"{shown} would unpack to more pixels than is sensible, so it was not opened.") from None
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"{shown} is damaged and cannot be opened as an image ({say.short(error, 100)}).") from None


def _profile(image, path, shown, report):
    width, height = image.size
    frames = getattr(image, "n_frames", 1)
    small = image.convert("RGB")
    small.thumbnail((256, 256))
    grey = small.convert("L")
    histogram = grey.histogram()
    pixels = sum(histogram)
    mean = sum(i * n for i, n in enumerate(histogram)) / pixels
    palette = small.quantize(5)
    colours = sorted(palette.getcolors(), reverse=True)
    rgb = palette.getpalette()
    named = [("#%02x%02x%02x" % tuple(rgb[3 * i:3 * i + 3]), n / pixels) for n, i in colours[:5]]
    report.heading(shown)
    report.rows("The image", [("format", image.format or "?"), ("pixels", f"{width:,} × {height:,}"), ("colours", image.mode),
                              ("frames", f"{frames:,}"), ("size", say.size(os.path.getsize(path))),
                              ("brightness", f"{mean / 255:.0%}")], ["what", "value"])
    report.rows("Main colours", [(colour, say.percent(part)) for colour, part in named], ["colour", "part"])
    light = "dark" if mean < 85 else "bright" if mean > 170 else "of medium light"
    report.conclude(f"{say.name(shown, 60)} is a {image.format} image of {width:,} × {height:,} pixels ({image.mode}), {light} on the whole; "
                    f"its commonest colour is {named[0][0]} ({say.percent(named[0][1])}).",
                    cautions=["What the image shows takes a model that sees: these rules measure pixels only."])
