; SPDX-License-Identifier: FSL-1.1-MIT
; Names of imports and of the type itself are no definitions.
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr . (BUILTINIDENTIFIER) @_builtin)))
  (#any-of? @_builtin "@import" "@This" "@cImport")) @skip

(ContainerDecl (Decl (FnProto function: (IDENTIFIER) @name)) @method)
(Decl (FnProto function: (IDENTIFIER) @name)) @function
(TestDecl [(STRINGLITERALSINGLE) (IDENTIFIER)] @name) @function

(Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType ["struct" "opaque"])))))) @struct
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType "union")))))) @struct
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name
  (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType "enum")))))) @enum
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name (ErrorUnionExpr (SuffixExpr (ErrorSetDecl))))) @enum
(Decl (VarDecl "var" variable_type_function: (IDENTIFIER) @name)) @variable
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name)) @constant

(ErrorSetDecl field_constant: (IDENTIFIER) @name @constant)
(ContainerDecl (ContainerDeclType ["enum" "union"])
  (ContainerField . (ErrorUnionExpr (SuffixExpr . variable_type_function: (IDENTIFIER) @name))) @constant)
(ContainerField field_member: (IDENTIFIER) @name) @field

;; references
(FieldOrFnCall function_call: (IDENTIFIER) @ref)
(SuffixExpr variable_type_function: (IDENTIFIER) @ref . (FnCallArguments))
((SuffixExpr variable_type_function: (IDENTIFIER) @ref) (#match? @ref "^[A-Z]"))
((FieldOrFnCall field_access: (IDENTIFIER) @ref) (#match? @ref "^[A-Z]"))
(SuffixExpr (BUILTINIDENTIFIER) @_import
  (FnCallArguments (ErrorUnionExpr (SuffixExpr (STRINGLITERALSINGLE) @import)))
  (#any-of? @_import "@import" "@cInclude" "@embedFile"))
