"""Makes the files that the analyst is tried on, in the folder given: `python analyst_files.py FOLDER`.

Run by an interpreter that has pandas. Real data comes from the data sets inside statsmodels and scikit-learn;
the rest is what people attach and what breaks readers: each name says what is the matter with the file.
"""
import datetime
import json
import os
import random
import sys
import zipfile

import numpy
import openpyxl
import pandas

def sales(rows=400, seed=11):
    """Orders of two years with a rising trend, a strong region, gaps and what a person would want to be told."""
    rng = numpy.random.default_rng(seed)
    days = numpy.sort(rng.integers(0, 640, rows))
    frame = pandas.DataFrame({
        "order_id": numpy.arange(5001, 5001 + rows),
        "date": pandas.Timestamp("2023-01-02") + pandas.to_timedelta(days, unit="D"),
        "region": rng.choice(["North", "South", "East", "West"], rows, p=[0.4, 0.3, 0.2, 0.1]),
        "product": rng.choice(["Lamp", "Chair", "Table"], rows, p=[0.5, 0.3, 0.2]),
        "quantity": rng.integers(1, 20, rows),
        "unit_price": rng.choice([12.5, 49.0, 99.0], rows),
    })
    frame["revenue"] = (frame.quantity * frame.unit_price).round(2)
    frame["rating"] = numpy.where(rng.random(rows) < 0.2, numpy.nan, rng.integers(1, 6, rows))
    return frame


def ordinary():
    frame = sales()
    frame.to_csv("sales.csv", index=False)
    european = frame.assign(date=frame.date.dt.strftime("%d.%m.%Y"), unit_price=frame.unit_price.map(lambda v: f"{v:.2f}".replace(".", ",")),
                            revenue=frame.revenue.map(lambda v: f"{v:,.2f}".replace(",", "'").replace(".", ",").replace("'", ".") + " €"))
    european.to_csv("european.csv", index=False, sep=";", encoding="cp1252")
    with pandas.ExcelWriter("book.xlsx") as book:
        frame.to_excel(book, sheet_name="Orders", index=False)
        pandas.DataFrame({"region": ["North", "South", "East", "West"], "manager": ["Ada", "Ben", "Cai", "Dee"],
                          "target": [90000, 60000, 40000, 20000]}).to_excel(book, sheet_name="Targets", index=False)
        pandas.DataFrame().to_excel(book, sheet_name="Notes", index=False)
    records = json.loads(frame.head(50).to_json(orient="records", date_format="iso"))
    with open("records.json", "w") as file:
        json.dump(records, file)
    with open("nested.json", "w") as file:
        json.dump({"meta": {"version": 2}, "data": {"items": [
            {"id": i, "user": {"name": f"u{i % 7}", "age": 20 + i % 30}, "tags": ["a", "b"], "value": i * 1.5} for i in range(60)]}}, file)
    with open("lines.jsonl", "w") as file:
        for i, record in enumerate(records):
            file.write(json.dumps(record) + "\n" if i != 7 else '{"half": \n')
    with open("settings.json", "w") as file:
        json.dump({"server": {"port": 8000, "hosts": ["a", "b"]}, "debug": True}, file)
    with open("columns.json", "w") as file:
        json.dump({"x": list(range(30)), "y": [i * i for i in range(30)]}, file)
    frame.to_parquet("sales.parquet")


def real():
    import statsmodels.api
    from sklearn import datasets
    for name in ("sunspots", "macrodata", "co2", "fair"):
        data = getattr(statsmodels.api.datasets, name).load_pandas().data
        data.to_csv(f"{name}.csv", index=name == "co2")
    iris = datasets.load_iris(as_frame=True)
    iris.frame.assign(target=iris.target.map(dict(enumerate(iris.target_names)))).rename(columns={"target": "species"}).to_csv("iris.csv", index=False)
    datasets.load_breast_cancer(as_frame=True).frame.to_csv("breast_cancer.csv", index=False)
    statsmodels.api.datasets.co2.load_pandas().data.head(300).to_excel("co2.xlsx")


def texts():
    words = "The cloche protects the seedling. Under glass the soil stays warm, and the seedling grows. " * 12
    with open("prose.txt", "w") as file:
        file.write("# On cloches\n\n" + words + "\n\n## On soil\n\nSoil is what a seedling stands in. Write to ada@example.org.\n")
    with open("latin1.txt", "wb") as file:
        file.write("Größe und Gewicht sind gefragt. Die Größe zählt, das Gewicht auch.\n".encode("cp1252") * 20)
    start, rng = datetime.datetime(2024, 3, 1, 8, 0), random.Random(4)
    with open("server.log", "w") as file:
        for i in range(600):
            start += datetime.timedelta(seconds=rng.randrange(1, 40))
            level = "ERROR" if i % 37 == 0 else "WARN" if i % 11 == 0 else "INFO"
            said = f"disk /dev/sda{i % 3} full" if level == "ERROR" else f"request {i} took {rng.randrange(200)} ms"
            file.write(f"{start:%Y-%m-%d %H:%M:%S} {level} {said}\n")
    with open("chinese.txt", "w", encoding="utf-8") as file:
        file.write("数据分析是一门科学。数据分析需要数据。我们喜欢数据分析。\n" * 10)


def documents():
    from small_pdf import pdf
    pdf("report.pdf", [["Quarterly report", "", "Revenue grew in every quarter of the year. Costs were stable.",
                        "", "Product   Units   Revenue", "Lamp      120     1,500.00", "Chair     80      3,920.00", "Table     20      1,980.00"],
                       ["Outlook", "", "We expect growth of 5% in the coming year. Revenue should follow."]])
    from pypdf import PdfReader, PdfWriter
    writer = PdfWriter()
    writer.append(PdfReader("report.pdf"))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write("locked.pdf")
    import docx
    document = docx.Document()
    document.add_heading("Minutes", 1)
    document.add_paragraph("The board met. The board decided. The board went home.")
    document.save("minutes.docx")


def trouble():
    open("empty.csv", "w").close()
    with open("blank-lines.csv", "w") as file:
        file.write("\n\n  \n\n")
    with open("header-only.csv", "w") as file:
        file.write("a,b,c\n")
    with open("binary.csv", "wb") as file:
        file.write(random.Random(1).randbytes(5000))
    with open("book.xlsx", "rb") as file:
        book = file.read()
    with open("truncated.xlsx", "wb") as file:
        file.write(book[: len(book) // 2])
    with open("encrypted.xlsx", "wb") as file:  # what Excel writes: an OLE file with this stream in it
        file.write(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1016 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 2000)
    with open("not-a-workbook.xlsx", "wb") as file:
        file.write(b"\x01\x02\x03" * 500)
    openpyxl.Workbook().save("empty-workbook.xlsx")
    with open("broken.pdf", "wb") as file:
        file.write(b"%PDF-1.7\n" + b"garbage " * 50)
    with open("broken.json", "w") as file:
        file.write('{"a": [1, 2, ')
    with open("deep.json", "w") as file:
        file.write("[" * 100000 + "]" * 100000)
    with open("nothing.json", "w") as file:
        file.write("[]")
    with zipfile.ZipFile("archive.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with open("png-cut.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    with open("database.csv", "wb") as file:
        file.write(b"SQLite format 3\0" + b"\0" * 500)


def oddities():
    rng = numpy.random.default_rng(2)
    pandas.DataFrame(rng.normal(size=(300, 200)), columns=[f"feature {i}" for i in range(200)]).to_csv("wide.csv", index=False)
    pandas.DataFrame({"a": [numpy.nan] * 20, "b": [None] * 20}).to_csv("all-missing.csv", index=False)
    with open("mixed.csv", "w") as file:
        file.write("id,value,when\n")
        for i in range(60):
            file.write(f"{i},{['12', 'n/a', 'tbd', '7.5', 'about 9'][i % 5]},{'2024-01-%02d' % (i % 28 + 1) if i % 9 else 'soon'}\n")
    with open("twins.csv", "w") as file:
        file.write("name,value,value,value\n" + "".join(f"n{i % 5},{i},{i * 2},{i * 3}\n" for i in range(40)))
    with open("bad-lines.csv", "w") as file:
        file.write("a,b,c\n" + "".join(f"{i},{i + 1},{i * 2}\n" if i % 10 else f"{i},{i + 1},{i * 2},extra,more\n" for i in range(1, 60)))
    with open("open-quote.csv", "w") as file:
        file.write('a,b\n' + "".join(f'x{i},{i}\n' for i in range(30)) + '"never closed,5\n' + "".join(f'y{i},{i}\n' for i in range(30)))
    with open("no-header.csv", "w") as file:
        file.write("".join(f"{i},{i * i},{i % 3}\n" for i in range(50)))
    with open("titles.csv", "w") as file:
        file.write("Report of the year\nprinted on Monday\n\nmonth,income,cost\n" + "".join(f"2024-{m:02d},{1000 + m * 50},{700 + m * 20}\n" for m in range(1, 13)))
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Formulas"
    sheet.append(["Budget of the department"])
    sheet.append([])
    sheet.append(["item", "price", "pieces", "total"])
    for i in range(4, 30):
        sheet.append([f"item {i}", i * 1.5, i, f"=B{i}*C{i}"])
    book.create_sheet("Hidden").append(["x", "y"])
    book["Hidden"].append([1, 2])
    book["Hidden"].sheet_state = "hidden"
    book.save("formulas.xlsx")
    chinese = pandas.DataFrame({"日期": pandas.date_range("2023-01-01", periods=120, freq="3D").strftime("%Y年%m月%d日"),
                                "地区": rng.choice(["北京", "上海", "广州"], 120), "销售额": rng.integers(100, 9000, 120), "数量": rng.integers(1, 50, 120)})
    chinese.to_csv("chinese.csv", index=False, encoding="gb18030")
    chinese.to_excel("chinese.xlsx", index=False, sheet_name="销售")
    with open("dates-as-text.csv", "w") as file:
        file.write("day,visits\n" + "".join(f"{d.day}/{d.month}/{d.year},{100 + i}\n" for i, d in enumerate(pandas.date_range("2024-01-01", periods=90))))
    sentinel = sales(200)
    sentinel["rating"] = sentinel["rating"].fillna(-999)
    sentinel["region"] = [r.upper() if i % 9 == 0 else r + " " if i % 7 == 0 else r for i, r in enumerate(sentinel["region"])]
    sentinel["currency"] = "EUR"
    sentinel.loc[10, "revenue"] = 4_000_000
    pandas.concat([sentinel, sentinel.iloc[:5]]).to_csv("careless.csv", index=False)
    with open("hostile-names.csv", "w") as file:
        file.write('"`rm -rf`$x_1$","</script><b>bold</b>","[link](http://evil.example)"\n' + "".join(f'{i},{i * 2},"**{i % 3}** _v_ $a$"\n' for i in range(40)))
    with open("utf16.csv", "wb") as file:
        file.write("name,value\nä,1\nö,2\nü,3\n".encode("utf-16"))
    with open("one-column.csv", "w") as file:
        file.write("value\n" + "".join(f"{i}\n" for i in range(100)))
    with open("one-row.csv", "w") as file:
        file.write("a,b,c\n1,x,2024-01-01\n")
    with open("infinite.csv", "w") as file:
        file.write("v,w\n" + "".join(f"{'inf' if i == 3 else i},{i}\n" for i in range(30)))
    with open("prices.csv", "w") as file:
        file.write("item,price,share,phone,zip\n" + "".join(f'a{i},"$1,{i:03d}.50",{i % 90}%,+49 30 {1000 + i},{10000 + i:05d}\n' for i in range(40)))
    from PIL import Image
    Image.new("RGB", (80, 60), (200, 30, 30)).save("red.png")


def large():
    """Half a million rows; beyond what is read at once only when LARGE is made small."""
    rng = numpy.random.default_rng(5)
    n = 500_000
    pandas.DataFrame({"when": pandas.Timestamp("2020-01-01") + pandas.to_timedelta(rng.integers(0, 1400, n), unit="D"),
                      "kind": rng.choice(list("abcdef"), n), "amount": rng.gamma(2, 50, n).round(2)}).to_csv("large.csv", index=False)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.chdir(sys.argv[1])
    for make in (ordinary, real, texts, documents, trouble, oddities, large):
        make()
