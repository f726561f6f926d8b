x = """
import no
"""; import yes
r"\"; import no"
