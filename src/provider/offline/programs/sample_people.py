import random
from datetime import date, timedelta

count = 100  # @
rng = random.Random(7)  # made-up people, the same each time

first = ["Ada", "Ben", "Cora", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ines", "Jon", "Kira", "Liam", "Mia", "Noah", "Olga", "Paul"]
last = ["Adler", "Brook", "Costa", "Dunn", "Evans", "Fox", "Grant", "Haas", "Ito", "Jones", "Klein", "Lopez", "Moss", "Novak"]
rows = []
for number in range(count):
    name = f"{rng.choice(first)} {rng.choice(last)}"
    joined = date(2015, 1, 1) + timedelta(days=rng.randrange(3500))
    row = {"id": 1 + number, "name": name, "age": rng.randint(19, 66)}
    # @if employees
    row.update(department=rng.choice(["Sales", "Engineering", "Support", "Finance", "Marketing"]),
               salary=round(rng.gauss(52000, 11000), -2), hired=joined.isoformat())
    # @end
    # @if customers
    row.update(email=f"{name.lower().replace(' ', '.')}{number}@example.com", city=rng.choice(["Berlin", "Lyon", "Porto", "Turin", "Ghent"]),
               customer_since=joined.isoformat(), orders=rng.randint(0, 40))
    # @end
    # @if students
    row.update(age=rng.randint(15, 19), math=rng.randint(40, 100), science=rng.randint(40, 100), history=rng.randint(40, 100),
               absences=rng.randint(0, 12))
    # @end
    rows.append(row)
