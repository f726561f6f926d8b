%matplotlib inline
!ls
import yes