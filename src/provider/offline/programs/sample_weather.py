import math
import random
from datetime import date, timedelta

count = 365  # @
rng = random.Random(7)  # made-up weather, the same each time

rows = []
for number in range(count):
    day = date(2024, 1, 1) + timedelta(days=number)
    temperature = 11 - 10 * math.cos(2 * math.pi * (number - 20) / 365) + rng.gauss(0, 3)
    rows.append({
        "date": day.isoformat(),
        "temperature": round(temperature, 1),
        "rain_mm": round(max(0, rng.gauss(1, 4)), 1),
        "wind_kmh": round(rng.gammavariate(4, 3), 1),
        "humidity": min(100, max(25, round(rng.gauss(70, 12)))),
    })
