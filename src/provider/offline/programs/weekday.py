import calendar
from datetime import date, timedelta

day = date(2024, 5, 1)  # @
shift = 0  # @

result = day + timedelta(days=shift)
# @if shifted
print(f"{day:%d %B %Y} {'plus' if shift >= 0 else 'minus'} {abs(shift):,} days is {result:%A, %d %B %Y}.")
# @end
# @if !shifted
print(f"{result:%d %B %Y} is a {result:%A}.")
# @end
print(f"It is day {result.timetuple().tm_yday} of {result.year}, in week {result.isocalendar()[1]}; "
      f"{result.year} is {'' if calendar.isleap(result.year) else 'not '}a leap year.")
