"""People, and models, write `import beautifulsoup4`: the package's name, though not the module's.

This makes the two names one module, so that `beautifulsoup4.BeautifulSoup` is bs4's own class.
"""

import sys

import bs4

sys.modules[__name__] = bs4
