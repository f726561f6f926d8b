from datetime import datetime, timezone

now = datetime.now(timezone.utc)
print(f"It is {now:%H:%M} UTC on {now:%A, %d %B %Y}.")
