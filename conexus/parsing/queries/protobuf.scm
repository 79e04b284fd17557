; SPDX-License-Identifier: FSL-1.1-MIT
(package (full_ident) @name) @module
(message (message_name) @name) @struct
(enum (enum_name) @name) @enum
(enum_field . (identifier) @name) @constant
(service (service_name) @name) @interface
(rpc (rpc_name) @name) @method
(message_body (field (identifier) @name) @field)
(map_field (identifier) @name) @field
(oneof . (identifier) @name) @field
(oneof_field (identifier) @name) @field

;; references
(message_or_enum_type (identifier) @ref .)
(extend (full_ident (identifier) @ref .))
(import path: (string) @import)
