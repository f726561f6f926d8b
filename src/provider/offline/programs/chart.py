import matplotlib.pyplot as plt

labels = ["Q1", "Q2", "Q3", "Q4"]  # @
values = [42, 55, 61, 74]  # @
title = "Sales by quarter (sample data)"  # @
unit = ""  # @

# @if bar
figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
bars = axis.bar(labels, values, color="#234f7d", width=0.65)
axis.bar_label(bars, labels=[f"{value:,g}{unit}" for value in values], padding=3, color="#6b7177")
axis.margins(y=0.12)
axis.yaxis.set_visible(False)
axis.spines[["top", "right", "left"]].set_visible(False)
if max(map(len, labels)) * len(labels) > 80:
    axis.tick_params(axis="x", rotation=40)
# @end
# @if barh
figure, axis = plt.subplots(figsize=(8, 1.2 + 0.4 * len(labels)), layout="constrained")
bars = axis.barh(labels, values, color="#234f7d", height=0.65)
axis.bar_label(bars, labels=[f"{value:,g}{unit}" for value in values], padding=4, color="#6b7177")
axis.margins(x=0.12)
axis.invert_yaxis()
axis.xaxis.set_visible(False)
axis.spines[["top", "right", "bottom"]].set_visible(False)
# @end
# @if line
figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
axis.plot(labels, values, "o-", color="#234f7d", linewidth=2, markersize=5)
axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}{unit}")
axis.grid(axis="y", color="#e4e6e8")
axis.spines[["top", "right"]].set_visible(False)
if max(map(len, labels)) * len(labels) > 80:
    axis.tick_params(axis="x", rotation=40)
# @end
# @if area
figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
axis.fill_between(labels, values, color="#8fb0cf", alpha=0.6)
axis.plot(labels, values, color="#234f7d", linewidth=2)
axis.yaxis.set_major_formatter(lambda value, _: f"{value:,g}{unit}")
axis.set_ylim(bottom=0)
axis.grid(axis="y", color="#e4e6e8")
axis.spines[["top", "right"]].set_visible(False)
# @end
# @if pie
colors = ["#234f7d", "#5b8fb9", "#8fb0cf", "#c8793f", "#d9a066", "#5b8f6a", "#a3b899", "#8a6aa8", "#a9aeb3"]
figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
wedges, *_ = axis.pie(values, startangle=90, counterclock=False, colors=colors,
                      wedgeprops={"edgecolor": "white", "linewidth": 1.5})
whole = sum(values)
axis.legend(wedges, [f"{label}  {value / whole:.0%}" for label, value in zip(labels, values)],
            loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
# @end
axis.set_title(title, loc="left", fontweight="bold", pad=12)
# @if save
path = "chart.png"  # @
figure.savefig(path, dpi=150)
# @end
plt.show()

# @if sample
print("The numbers are made up: sample data, to be replaced by your own.")
# @end
largest = max(range(len(values)), key=values.__getitem__)
smallest = min(range(len(values)), key=values.__getitem__)
print(f"Largest: {labels[largest]} with {values[largest]:,g}{unit}, smallest: {labels[smallest]} with {values[smallest]:,g}{unit}, "
      f"together {sum(values):,g}{unit}.")
