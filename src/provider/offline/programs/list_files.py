import os

found = []
for folder, folders, names in os.walk("."):
    folders[:] = sorted(name for name in folders if not name.startswith("."))
    found += [os.path.join(folder, name) for name in sorted(names) if not name.startswith(".")]
print(f"{len(found):,} files in {os.getcwd()}.")
for path in found[:200]:
    print(f"  {os.path.getsize(path):>12,}  {path[2:]}")
