"""One analysis over the HTTP API, in several executions: upload, load, clean, group, fit, draw, download.

    python3 examples/session.py http://127.0.0.1:8000 table.xlsx

Standard library only. Prints what a person would see in a notebook, and leaves what the session made
in the working directory.
"""
import base64
import json
import pathlib
import sys
import urllib.request
import uuid

BASE, TABLE = sys.argv[1].rstrip("/"), pathlib.Path(sys.argv[2])
CELLS = [
    "import pandas as pd\n"
    "table = pd.read_excel('table.xlsx')\n"
    "table.shape",
    "long = table.melt(id_vars='YEAR', var_name='month', value_name='celsius').dropna()\n"
    "by_year = long.groupby('YEAR')['celsius'].agg(['mean', 'min', 'max']).reset_index()\n"
    "by_year.tail(3)",
    "import statsmodels.formula.api as smf\n"
    "model = smf.ols('mean ~ YEAR', data=by_year).fit()\n"
    "print(f\"{model.params['YEAR'] * 100:+.2f} °C a century, R² {model.rsquared:.3f}\")",
    "import matplotlib.pyplot as plt\n"
    "by_year.plot(x='YEAR', y='mean', title='Niño 1+2, yearly mean'); plt.show()\n"
    "long['celsius'].plot.hist(bins=30, title='all months'); plt.show()\n"
    "plt.scatter(model.fittedvalues, model.resid); plt.title('residuals')",
    "by_year.to_excel('summary.xlsx', index=False)\n"
    "plt.plot(by_year['YEAR'], by_year['mean']); plt.savefig('warming.png'); plt.close()",
    "by_year['mean'].idxmax(), undefined_name",
]


def call(method, path, body=None, kind="application/json"):
    data = json.dumps(body).encode() if kind == "application/json" and body is not None else body
    request = urllib.request.Request(BASE + path, data, {"content-type": kind}, method=method)
    with urllib.request.urlopen(request) as reply:
        return reply.read()


def upload(session, path):
    mark = uuid.uuid4().hex
    form = (f'--{mark}\r\ncontent-disposition: form-data; name="file"; filename="table.xlsx"\r\n\r\n'.encode()
            + path.read_bytes() + f"\r\n--{mark}--\r\n".encode())
    return json.loads(call("POST", f"/v1/containers/{session}/files", form, f"multipart/form-data; boundary={mark}"))


def show(output):
    data = output.get("data", {})
    if "image/png" in data:
        return f"[figure, {len(base64.b64decode(data['image/png'])):,} bytes of PNG]"
    if output["type"] == "error":
        return "\n".join(output["traceback"])
    return (output.get("text") or data.get("text/plain", "")).rstrip()


session = json.loads(call("POST", "/v1/containers", {"name": "el niño"}))["id"]
print("uploaded", upload(session, TABLE)["path"])
for count, code in enumerate(CELLS, 1):
    answer = json.loads(call("POST", f"/v1/containers/{session}/execute", {"code": code}))
    print(f"\nIn [{count}]: " + code.replace("\n", "\n   ...: "))
    for output in answer["outputs"]:
        print(show(output))
    for file in answer["files"]:
        pathlib.Path(pathlib.PurePosixPath(file["path"]).name).write_bytes(
            call("GET", f"/v1/containers/{session}/files/{file['id']}/content"))
        print(f"{file['change']}: {file['path']}, {file['bytes']:,} bytes → downloaded")
    print(f"({answer['status']}, variables {answer['state']}, {answer['duration_ms']:.1f} ms)")
call("DELETE", f"/v1/containers/{session}")
