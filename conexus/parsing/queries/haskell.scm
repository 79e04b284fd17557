; SPDX-License-Identifier: FSL-1.1-MIT
(header module: (module) @name) @module
(data_type name: (_) @name) @type
(newtype name: (_) @name) @type
(type_synomym name: (_) @name) @type
(type_family name: (_) @name) @type
(data_family name: (_) @name) @type
(class name: (_) @name) @interface
(instance patterns: (type_patterns . [(name) @name (parens (apply constructor: (name) @name)) (parens (_ (apply constructor: (name) @name)))])) @container
(instance name: (name) @name) @container
(data_constructor constructor: (_ name: (constructor) @name)) @constant
(data_constructor constructor: (infix operator: (_) @name)) @constant
(newtype_constructor name: (constructor) @name) @constant
(gadt_constructor name: (constructor) @name) @constant
(field name: (field_name (variable) @name)) @field
(pattern_synonym [
  (signature synonym: (_) @name)
  (equation synonym: [(apply function: (constructor) @name) (constructor) @name])]) @constant
(foreign_import signature: (signature name: (variable) @name)) @function

; One symbol a function: its signature and its equations.
(declarations [
  (signature name: [(variable) @name (prefix_id (_) @name)])
  (function name: [(variable) @name (prefix_id (_) @name)])
  (function (infix operator: [(operator) @name (infix_id (_) @name)]))
  (bind name: [(variable) @name (prefix_id (_) @name)])] @function @clause)
(class_declarations [
  (signature name: [(variable) @name (prefix_id (_) @name)])
  (signature names: (binding_list name: [(variable) @name (prefix_id (_) @name)]))] @method)
(instance_declarations [
  (function name: [(variable) @name (prefix_id (_) @name)])
  (function (infix operator: [(operator) @name (infix_id (_) @name)]))
  (bind name: [(variable) @name (prefix_id (_) @name)])] @method @clause)

;; references
(apply function: [(variable) @ref (constructor) @ref (qualified id: (_) @ref)])
(apply argument: [(variable) @ref (qualified id: (variable) @ref)])
(infix left_operand: [(variable) @ref (qualified id: (variable) @ref)])
(infix right_operand: [(variable) @ref (qualified id: (variable) @ref)])
(infix operator: (operator) @ref)
(infix_id [(variable) @ref (qualified id: (variable) @ref)])
(match expression: [(variable) @ref (qualified id: (variable) @ref)])
(exp . (variable) @ref)
(name) @ref
(instance name: (name) @ref)
(deriving classes: (_ (name) @ref))
(record (constructor) @ref)
(import module: (module) @import)
(data_type name: (name) @skip)
(newtype name: (name) @skip)
(type_synomym name: (name) @skip)
(class name: (name) @skip)
