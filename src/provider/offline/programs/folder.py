import os

from cloche_analyst import profile

files = sorted(name for name in os.listdir(".") if os.path.isfile(name) and not name.startswith("."))
made = [name for name in files if name.endswith("-report.html") or name.endswith(".png")]
data = [name for name in files if name not in made]
print(f"Files here: {', '.join(files) or 'none'}.")
if data:
    profile(*(os.path.abspath(name) for name in data[:3]))
else:
    print("There is no file to analyse yet: attach one (CSV, Excel, JSON, text or PDF).")
