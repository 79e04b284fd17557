package tally.expr

import scala.annotation.tailrec
import scala.collection.mutable
import scala.util.{Failure, Success, Try}

/** An arithmetic expression. */
sealed trait Expr extends Product with Serializable {

  /** The value of the expression where its names have the values given. */
  def eval(scope: Scope): Double

  def +(other: Expr): Expr = Binary(Op.Add, this, other)
}

/** A number as it is written. */
final case class Num(value: Double) extends Expr {
  def eval(scope: Scope): Double = value
}

final case class Name(text: String) extends Expr {
  def eval(scope: Scope): Double = scope.lookup(text).getOrElse(throw new UnknownName(text))
}

/** Two expressions that an operator joins. */
final case class Binary(op: Op, left: Expr, right: Expr) extends Expr {
  def eval(scope: Scope): Double = op(left.eval(scope), right.eval(scope))
}

/** What can stand between two expressions. */
enum Op(val symbol: Char, val precedence: Int) {
  case Add extends Op('+', 1)
  case Sub extends Op('-', 1)
  case Mul extends Op('*', 2)
  case Div extends Op('/', 2)

  def apply(a: Double, b: Double): Double = this match {
    case Add => a + b
    case Sub => a - b
    case Mul => a * b
    case Div => a / b
  }
}

class UnknownName(val name: String) extends RuntimeException(s"nothing is called $name")

/** Values by name, with those of an outer scope behind them. */
class Scope(outer: Option[Scope] = None) {
  type Values = mutable.Map[String, Double]

  private val values: Values = mutable.Map.empty
  var reads, misses = 0

  def update(name: String, value: Double): Unit = values(name) = value

  def lookup(name: String): Option[Double] = {
    reads += 1
    values.get(name).orElse(outer.flatMap(_.lookup(name)))
  }
}

object Scope {
  val Pi = 3.14159265358979
  lazy val global: Scope = of("pi" -> Pi)

  /** A scope that holds the pairs given. */
  def of(pairs: (String, Double)*): Scope = {
    val scope = new Scope()
    pairs.foreach { case (name, value) => scope(name) = value }
    scope
  }
}

/** Reads expressions by climbing precedences. */
object Parser {
  final case class Token(kind: TokenKind, text: String, offset: Int)

  enum TokenKind { case Number, Word, Symbol, End }

  implicit class Describe(token: Token) {
    def described: String = if (token.kind == TokenKind.End) "the end" else s"'${token.text}'"
  }

  /** Read a whole text.
    *
    * @return the expression, or a failure that says where the text went wrong
    */
  def parse(text: String): Try[Expr] = {
    val tokens = tokenize(text).toVector
    var position = 0

    def peek: Token = tokens(position)

    def next(): Token = {
      val token = tokens(position)
      position += 1
      token
    }

    def fail(wanted: String): Nothing =
      throw new IllegalArgumentException(s"$wanted was expected at ${peek.offset}, but there is ${peek.described}")

    def operand(): Expr = next() match {
      case Token(TokenKind.Number, digits, _) => Num(digits.toDouble)
      case Token(TokenKind.Word, word, _)     => Name(word)
      case Token(TokenKind.Symbol, "(", _) =>
        val inner = climb(operand(), 0)
        if (next().text != ")") fail("a closing parenthesis")
        inner
      case Token(TokenKind.Symbol, "-", _) => Binary(Op.Sub, Num(0), operand())
      case _ =>
        position -= 1
        fail("a number or a name")
    }

    @tailrec
    def climb(left: Expr, least: Int): Expr =
      Op.values.find(op => op.symbol.toString == peek.text && op.precedence >= least) match {
        case None => left
        case Some(op) =>
          next()
          var right = operand()
          while (Op.values.exists(o => o.symbol.toString == peek.text && o.precedence > op.precedence))
            right = climbOnce(right, op.precedence + 1)
          climb(Binary(op, left, right), least)
      }

    def climbOnce(left: Expr, least: Int): Expr = climb(left, least)

    Try(climb(operand(), 0)) match {
      case Success(_) if peek.kind != TokenKind.End => Failure(new IllegalArgumentException(s"${peek.described} is too much"))
      case result                                   => result
    }
  }

  private def tokenize(text: String): Iterator[Token] = {
    val pattern = """\s*(?:(\d+(?:\.\d+)?)|([A-Za-z]\w*)|(\S))""".r
    val found = pattern.findAllMatchIn(text).map { m =>
      val kind = if (m.group(1) != null) TokenKind.Number else if (m.group(2) != null) TokenKind.Word else TokenKind.Symbol
      Token(kind, m.matched.trim, m.start)
    }
    found ++ Iterator.single(Token(TokenKind.End, "", text.length))
  }
}

/** Expressions are ordered by their value in the global scope. */
given byValue: Ordering[Expr] = Ordering.by(_.eval(Scope.global))

extension (expr: Expr) {
  /** Values at each of the points. */
  def sample(name: String, points: Seq[Double]): Seq[Double] = points.map(x => expr.eval(Scope.of(name -> x)))
}

@main def calculate(text: String): Unit =
  println(Parser.parse(text).map(_.eval(Scope.global)).fold(_.getMessage, _.toString))
