(** Words by prefix, and a queue by priority, for finishing what somebody types. *)

open Printf
module Letters = Map.Make (Char)

(** Raised where a word has no letters. *)
exception Empty_word of string

(** What is known of a word. *)
type entry = { word : string; mutable weight : int; seen : float }

type trie = Leaf | Branch of node

and node = { entry : entry option; next : trie Letters.t }

type order = [ `Ascending | `Descending ]

let max_results = 10
let version = "0.2"

let explode word = List.init (String.length word) (String.get word)

(** Put a word into a trie; a word that is there gets heavier. *)
let rec insert entry letters trie =
  let node = match trie with Leaf -> { entry = None; next = Letters.empty } | Branch node -> node in
  match letters with
  | [] ->
      let merge old = { entry with weight = old.weight + entry.weight } in
      let entry = match node.entry with None -> entry | Some old -> merge old in
      Branch { node with entry = Some entry }
  | letter :: rest ->
      let below = Option.value ~default:Leaf (Letters.find_opt letter node.next) in
      Branch { node with next = Letters.add letter (insert entry rest below) node.next }

and find letters trie =
  match (letters, trie) with
  | _, Leaf -> Leaf
  | [], found -> found
  | letter :: rest, Branch node -> (
      match Letters.find_opt letter node.next with None -> Leaf | Some below -> find rest below)

let ( +> ) trie word =
  if word = "" then raise (Empty_word "a word needs letters");
  insert { word; weight = 1; seen = 0.0 } (explode word) trie

let fold = fun step start trie ->
  let rec go acc = function
    | Leaf -> acc
    | Branch { entry; next } ->
        let acc = match entry with None -> acc | Some entry -> step acc entry in
        Letters.fold (fun _ below acc -> go acc below) next acc
  in
  go start trie

(** Things that have an order. *)
module type ORDERED = sig
  type t

  val compare : t -> t -> int
  (** Negative where the first comes first. *)
end

(** A heap that leans to the left. *)
module Heap (Item : ORDERED) = struct
  type t = Nothing | Tree of { rank : int; top : Item.t; left : t; right : t }

  let empty = Nothing
  let rank = function Nothing -> 0 | Tree { rank; _ } -> rank

  let make top a b =
    if rank a >= rank b then Tree { rank = rank b + 1; top; left = a; right = b }
    else Tree { rank = rank a + 1; top; left = b; right = a }

  let rec merge a b =
    match (a, b) with
    | Nothing, other | other, Nothing -> other
    | Tree x, Tree y ->
        if Item.compare x.top y.top <= 0 then make x.top x.left (merge x.right b)
        else make y.top y.left (merge a y.right)

  let push item heap = merge (make item Nothing Nothing) heap
  let pop = function Nothing -> None | Tree { top; left; right; _ } -> Some (top, merge left right)
end

module Entries = Heap (struct
  type t = entry

  let compare a b = compare (b.weight, a.word) (a.weight, b.word)
end)

external now : unit -> float = "caml_unix_time"

(** The heaviest words that begin with a prefix. *)
let complete ?(limit = max_results) prefix trie =
  let heap = find (explode prefix) trie |> fold (fun heap entry -> Entries.push entry heap) Entries.empty in
  let rec take count heap =
    match Entries.pop heap with
    | Some (entry, rest) when count > 0 -> entry.word :: take (count - 1) rest
    | _ -> []
  in
  take limit heap

class virtual session (words : trie) =
  object (self)
    val mutable typed = ""
    method typed = typed
    method virtual show : string list -> unit

    (** Take in one more letter. *)
    method press letter =
      typed <- typed ^ String.make 1 letter;
      self#show (complete typed words)
  end

class printing words =
  object
    inherit session words
    method show = List.iter (printf "%s\n")
  end

let words, prefix = (List.fold_left ( +> ) Leaf [ "tern"; "teal"; "tea" ], "te")
let () = String.iter (new printing words)#press prefix
