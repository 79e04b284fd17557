(** Intervals of time that do not overlap, kept in order. *)

open Stdlib.Format

(** Raised where an interval would end before it begins. *)
exception Backwards of float * float

(** A stretch of time, in seconds. *)
type interval = {
  first : float;  (** When it begins. *)
  last : float;
}

type t
(** Intervals without gaps between their borders. *)

(** How two intervals lie to each other. *)
type relation = Before | Meets | Overlaps of interval | Inside | After

type 'a tagged = private { tag : 'a; span : interval }

type rounding = [ `Up | `Down | `Nearest of int ]

(** {1 Making} *)

val empty : t
(** Holds nothing. *)

val of_list : ?merge:bool -> interval list -> t
(** [of_list intervals] holds all of them. Those that overlap are joined.

    @raise Backwards where one of them ends before it begins. *)

(** Put one more interval in. *)
val add : interval -> t -> t

val ( ++ ) : t -> t -> t

val relation : interval -> interval -> relation
(** How the first lies to the second. *)

external length : t -> float = "intervals_length"
(** Seconds that are covered. *)

val fold : ('acc -> interval -> 'acc) -> 'acc -> t -> 'acc

val default_rounding : rounding

val pp : formatter -> t -> unit
(** Writes intervals as [\[first, last)]. *)

(** What times are measured in. *)
module type CLOCK = sig
  type instant

  val now : unit -> instant
  val diff : instant -> instant -> float
end

(** Intervals of a clock. *)
module Make (Clock : CLOCK) : sig
  type nonrec t = t

  val since : Clock.instant -> t
  (** From an instant up to now. *)

  module Cache : sig
    val clear : unit -> unit
    val size : unit -> int
  end
end

module System : CLOCK with type instant = float

(** Watches intervals as they pass. *)
class type observer = object
  method began : interval -> unit
  method ended : interval -> unit
end

class recorder : ?limit:int -> unit -> object
  inherit observer

  (** All that has ended so far. *)
  method seen : t
end

include CLOCK with type instant := float
