import random
from datetime import date, timedelta

count = 100  # @
rng = random.Random(7)  # made-up data, the same each time

prices = {"Laptop": 1150, "Phone": 720, "Tablet": 430, "Headphones": 140, "Monitor": 310}
rows = []
for number in range(count):
    product = rng.choice(list(prices))
    quantity = rng.randint(1, 12)
    price = round(prices[product] * rng.uniform(0.9, 1.1), 2)
    rows.append({
        "order_id": 1001 + number,
        "date": (date(2024, 1, 1) + timedelta(days=rng.randrange(365))).isoformat(),
        "product": product,
        "region": rng.choice(["North", "South", "East", "West"]),
        "quantity": quantity,
        "unit_price": price,
        "revenue": round(quantity * price, 2),
    })
rows.sort(key=lambda row: row["date"])
