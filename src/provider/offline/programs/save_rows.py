path = "sample.csv"  # @

# @if csv
import csv

with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, fieldnames=rows[0])
    writer.writeheader()
    writer.writerows(rows)
# @end
# @if json
import json

with open(path, "w", encoding="utf-8") as file:
    json.dump(rows, file, indent=2, ensure_ascii=False)
# @end
# @if xlsx
import openpyxl
from openpyxl.styles import Font

book = openpyxl.Workbook()
sheet = book.active
sheet.title = "Data"
sheet.append(list(rows[0]))
for row in rows:
    sheet.append(list(row.values()))
for cell in sheet[1]:
    cell.font = Font(bold=True)
    sheet.column_dimensions[cell.column_letter].width = max(11, len(str(cell.value)) + 3)
sheet.freeze_panes = "A2"
book.save(path)
# @end

print(f"Saved {len(rows):,} rows of sample data (made up) with the columns {', '.join(rows[0])}.")
print()
widths = [max(len(str(row[name])) for row in [*rows[:5], {name: name}]) for name in rows[0]]
for line in [list(rows[0]), *(list(row.values()) for row in rows[:5])]:
    print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths)).rstrip())
