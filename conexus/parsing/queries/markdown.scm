; A heading's section goes to the next heading of its level: see conexus/parsing/outline.py.
(section (atx_heading heading_content: (inline) @name) @section)
(section (setext_heading heading_content: (paragraph) @name) @section)
