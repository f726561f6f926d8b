import matplotlib.pyplot as plt
import numpy as np

low, high = -2 * np.pi, 2 * np.pi  # @range
x = np.linspace(low, high, 1000)
curves = {"sin x": np.sin(x)}  # @
title = "sin x"  # @

figure, axis = plt.subplots(figsize=(8, 4.5), layout="constrained")
for (name, y), color in zip(curves.items(), ["#234f7d", "#c8793f", "#5b8f6a", "#8a6aa8", "#b5545c"]):
    y = np.where(np.abs(y) < 1e6, y, np.nan) * np.ones_like(x)
    # @if poles
    y[1:][np.abs(np.diff(y)) > 20] = np.nan  # no line across a pole
    # @end
    axis.plot(x, y, color=color, linewidth=2, label=name)
axis.axhline(0, color="#a9aeb3", linewidth=0.8)
# @if poles
axis.set_ylim(-10, 10)
# @end
# @if angle
step = np.pi / 2 if high - low < 15 else np.pi
ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
axis.set_xticks(ticks, [f"{tick / np.pi:g}π" if tick else "0" for tick in ticks])
# @end
axis.set_xlabel("x")
axis.set_title(title, loc="left", fontweight="bold")
axis.grid(color="#e4e6e8")
axis.set_axisbelow(True)
axis.spines[["top", "right"]].set_visible(False)
if len(curves) > 1:
    axis.legend(frameon=False)
# @if save
path = "plot.png"  # @
figure.savefig(path, dpi=150)
# @end
plt.show()

print(f"Plotted {', '.join(curves)} for x from {low:.4g} to {high:.4g}.")
