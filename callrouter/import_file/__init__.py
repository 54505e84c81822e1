"""Files of contacts as other systems export them: from bytes to rows that an import can use. Pure.

`open_table` reads CSV and XLSX as text, line by line; `find_columns` says what each heading means;
`Reader` makes a `Row` of a line, or a `Refusal` that says what is to be mended; `Refusals` writes
the refused lines to a file that can be fed again.
"""

from callrouter.import_file.headings import FIELDS, Columns, find_columns, is_known
from callrouter.import_file.maps import read_map
from callrouter.import_file.opening import Table, open_table
from callrouter.import_file.problems import BadFile, Problem
from callrouter.import_file.reading import Phone, Reader, Refusal, Row
from callrouter.import_file.refused import Refusals, origin, place_of

__all__ = [
    "FIELDS",
    "BadFile",
    "Columns",
    "Phone",
    "Problem",
    "Reader",
    "Refusal",
    "Refusals",
    "Row",
    "Table",
    "find_columns",
    "is_known",
    "open_table",
    "origin",
    "place_of",
    "read_map",
]
