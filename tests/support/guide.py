"""What models say to the questions of OpenAI's guide to its code interpreter, for the tests of its samples
(clients/test_openai_guide.py, clients/node/scenarios.mjs): the calls are the guide's, the programs our own."""
import os

from .provider import Turn, python

EQUATION = "I need to solve the equation 3x + 11 = 14. Can you help me?"
ROOTS = "use the python tool to calculate what is 4 * 3.82. and then find its square root and then find the square root of that result"
SAVE = "Save the squares up to 9 as a table."

SCRIPTS = {
    EQUATION: [Turn(python("x = (14 - 11) / 3\nx", size=6)), Turn("Take 11 away and divide by 3: ", "x = 1.")],
    ROOTS: [Turn(python("a = 4 * 3.82\nb = a ** 0.5\nround(a, 2), round(b, 3), round(b ** 0.5, 3)")),
            Turn("15.28, 3.909 and 1.977.")],
    SAVE: [Turn(python("open('squares.csv', 'w').write('\\n'.join(str(n * n) for n in range(4)))\nopen('note.txt').read()")),
           Turn("Here is [the table](sandbox:/mnt/data/squares.csv).")],
}

# The guide asks for 4 GiB; a host that has less refuses that, as it should.
MEMORY = "4g" if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > 6 << 30 else "1g"
