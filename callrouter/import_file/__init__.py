"""Files of contacts and goods as other systems export them: from bytes to rows for an import. Pure.

`open_table` reads CSV and XLSX as text, line by line; `find_columns` says what each heading means;
`Reader` makes a `Row` of a line, or a `Refusal` that says what is to be mended; `Refusals` writes
the refused lines to a file that can be fed again.
"""

from callrouter.import_file.goods import (
    GOODS_FIELDS,
    Good,
    GoodsReader,
    find_goods_columns,
    is_goods_heading,
    read_goods_headings,
)
from callrouter.import_file.headings import (
    FIELDS,
    Columns,
    find_columns,
    is_known,
    read_people_headings,
)
from callrouter.import_file.maps import read_map
from callrouter.import_file.opening import Line, Table, Unreadable, open_table
from callrouter.import_file.problems import BadFile, Problem
from callrouter.import_file.reading import Phone, Reader, Refusal, Row
from callrouter.import_file.refused import ENDING, Refusals, origin, place_of

__all__ = [
    "ENDING",
    "FIELDS",
    "GOODS_FIELDS",
    "BadFile",
    "Columns",
    "Good",
    "GoodsReader",
    "Line",
    "Phone",
    "Problem",
    "Reader",
    "Refusal",
    "Refusals",
    "Row",
    "Table",
    "Unreadable",
    "find_columns",
    "find_goods_columns",
    "is_goods_heading",
    "is_known",
    "open_table",
    "origin",
    "place_of",
    "read_goods_headings",
    "read_map",
    "read_people_headings",
]
