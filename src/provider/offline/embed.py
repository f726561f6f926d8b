"""embed.py OUT NAME DIRECTORY [NAME DIRECTORY]…: the Python files of each directory as one C table NAME."""
import os
import sys

out = ['/* Made by src/provider/offline/embed.py. */', '#include "provider/offline/offline.h"', ""]
for name, directory in zip(sys.argv[2::2], sys.argv[3::2]):
    out.append(f"const struct offline_source {name}[] = {{")
    for file in sorted(os.listdir(directory)):
        if file.endswith(".py") and file != "__init__.py":
            with open(os.path.join(directory, file), encoding="utf-8") as source:
                lines = source.read().splitlines(keepends=True)
            out.append(f'    {{"{file[:-3]}",')
            for line in lines:
                text = line.encode().decode("latin-1")
                quoted = "".join({"\n": "\\n", '"': '\\"', "\\": "\\\\", "?": "\\?"}.get(c, c if 32 <= ord(c) < 127 else f"\\{ord(c):03o}") for c in text)
                out.append(f'        "{quoted}"')
            out.append("    },")
    out.append("    {0},\n};\n")
with open(sys.argv[1], "w", encoding="ascii") as file:
    file.write("\n".join(out))
