import collections
import re

text = "the text"  # @

words = re.findall(r"\w[\w'’-]*", text)
print(f"{len(words):,} words, {len(text):,} characters ({len(text.replace(' ', '')):,} without spaces), {len(text.splitlines()) or 1:,} line{'' if len(text.splitlines()) < 2 else 's'}.")
common = collections.Counter(word.lower() for word in words).most_common(5)
if common and common[0][1] > 1:
    print("Most frequent: " + ", ".join(f"{word} ({times})" for word, times in common if times > 1) + ".")
