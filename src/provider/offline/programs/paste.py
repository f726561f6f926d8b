from cloche_analyst import profile

text = "a,b\n1,2\n"  # @
path = "pasted.csv"  # @

with open(path, "w", encoding="utf-8") as file:
    file.write(text)
profile(path)
