; SPDX-License-Identifier: FSL-1.1-MIT
(create_table (object_reference) @name) @table
(create_table (column_definitions (column_definition name: (_) @name) @field))
(create_view (object_reference) @name) @table
(create_materialized_view (object_reference) @name) @table
(create_function (object_reference) @name) @function
(create_trigger . (keyword_create) (keyword_trigger) . (object_reference) @name) @function
(create_index column: (identifier) @name) @variable
(create_type (object_reference) @name) @type
(create_sequence (object_reference) @name) @variable
(create_schema (identifier) @name) @module

;; references
(relation (object_reference name: (identifier) @ref))
(invocation (object_reference name: (identifier) @ref))
(constraint (object_reference name: (identifier) @ref))
(column_definition (object_reference name: (identifier) @ref))
(create_index (object_reference name: (identifier) @ref))
(create_trigger (object_reference name: (identifier) @ref))
(alter_table (object_reference name: (identifier) @ref))
(insert (object_reference name: (identifier) @ref))
(create_extension (identifier) @import)
