%%bash
import no