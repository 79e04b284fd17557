; SPDX-License-Identifier: FSL-1.1-MIT
; A heading's section goes to the next heading of its level: see conexus/parsing/outline.py.
; Headings inside quotations and lists are none of the document's.
(document (section (atx_heading heading_content: (inline) @name) @section))
(document (section (setext_heading heading_content: (paragraph) @name) @section))
(section (section (atx_heading heading_content: (inline) @name) @section))
(section (section (setext_heading heading_content: (paragraph) @name) @section))
