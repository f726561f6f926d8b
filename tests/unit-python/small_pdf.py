"""A PDF of plain lines, written by hand: enough for a reader of text, and no package to install."""


def pdf(path, pages):
    """`pages` are lists of lines."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", None, "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"]
    kids = []
    for lines in pages:
        text = "BT /F1 11 Tf 14 TL 60 760 Td\n" + "".join(
            "(%s) Tj T*\n" % line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines) + "ET"
        objects.append("<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text))
        objects.append("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
                       "/Contents %d 0 R >>" % len(objects))
        kids.append("%d 0 R" % len(objects))
    objects[1] = "<< /Type /Pages /Kids [%s] /Count %d >>" % (" ".join(kids), len(kids))
    objects.append("<< /Title (The year) /Author (Ada) /CreationDate (D:20240301120000) >>")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body.encode("latin-1"))
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(objects), start)
    with open(path, "wb") as file:
        file.write(out)
