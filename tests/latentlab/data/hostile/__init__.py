"""Files that a reader must refuse, and odd ones that it must not, made from seeded noise.

Every generator gives the same files for the same seed. Pictures are small and made here; nothing
is taken from a data set.
"""

from tests.latentlab.data.hostile.bad_pictures import bad_images as bad_images
from tests.latentlab.data.hostile.label_files import ATTRIBUTES as ATTRIBUTES
from tests.latentlab.data.hostile.label_files import COUNT as COUNT
from tests.latentlab.data.hostile.label_files import IDS as IDS
from tests.latentlab.data.hostile.label_files import PARTITION as PARTITION
from tests.latentlab.data.hostile.label_files import attribute_rows as attribute_rows
from tests.latentlab.data.hostile.label_files import attributes_text as attributes_text
from tests.latentlab.data.hostile.label_files import bad_labels as bad_labels
from tests.latentlab.data.hostile.label_files import male as male
from tests.latentlab.data.hostile.label_files import odd_labels as odd_labels
from tests.latentlab.data.hostile.label_files import partition_rows as partition_rows
from tests.latentlab.data.hostile.label_files import smiles as smiles
from tests.latentlab.data.hostile.label_files import text as text
from tests.latentlab.data.hostile.odd_pictures import DEEP as DEEP
from tests.latentlab.data.hostile.odd_pictures import LAID as LAID
from tests.latentlab.data.hostile.odd_pictures import MOVING as MOVING
from tests.latentlab.data.hostile.odd_pictures import TURNED as TURNED
from tests.latentlab.data.hostile.odd_pictures import odd_images as odd_images
from tests.latentlab.data.hostile.pieces import HEIGHT as HEIGHT
from tests.latentlab.data.hostile.pieces import WIDTH as WIDTH
from tests.latentlab.data.hostile.pieces import deep_png as deep_png
from tests.latentlab.data.hostile.pieces import good_pictures as good_pictures
from tests.latentlab.data.hostile.pieces import patched as patched
from tests.latentlab.data.hostile.pieces import saved as saved
from tests.latentlab.data.hostile.pieces import whole_pictures as whole_pictures
