"""`import beautifulsoup4` works: names under which packages are installed, where they are imported
under another. The finder stands last, so it is asked only when nothing else knows the name."""
from cloche_kernel import BUILTINS as __builtins__

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

IMPORTED_AS = {
    "beautifulsoup4": "bs4",
    "BeautifulSoup": "bs4",
    "scikit_learn": "sklearn",
    "opencv_python": "cv2",
    "opencv_python_headless": "cv2",
    "Pillow": "PIL",
    "pillow": "PIL",
    "python_docx": "docx",
    "python_pptx": "pptx",
    "python_dateutil": "dateutil",
    "PyYAML": "yaml",
    "pyyaml": "yaml",
    "PyPDF2": "pypdf",
}


class Aliases:
    """Finder and loader of the table's names."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        real = IMPORTED_AS.get(name)
        if real is None:
            return None
        try:
            import_module(real)
        except ImportError:
            return None
        return ModuleSpec(name, Aliases)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        sys.modules[module.__spec__.name] = sys.modules[IMPORTED_AS[module.__spec__.name]]


def install():
    if Aliases not in sys.meta_path:
        sys.meta_path.append(Aliases)
