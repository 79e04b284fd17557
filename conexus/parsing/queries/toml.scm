; SPDX-License-Identifier: FSL-1.1-MIT
(table . (_) @name) @table
(table_array_element . (_) @name) @table
(document (pair . (_) @name) @key)
(table (pair . (_) @name) @key)
(table_array_element (pair . (_) @name) @key)
