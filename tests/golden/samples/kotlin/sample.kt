package example.recipes

import java.time.Duration
import kotlin.math.roundToInt
import kotlinx.coroutines.flow.*
import kotlinx.coroutines.delay as pause

/** Units that a cook measures in. */
enum class Measure(val grams: Double, private val sign: String) {
    GRAM(1.0, "g"),
    KILOGRAM(1_000.0, "kg"),
    CUP(240.0, "cup") {
        override fun plural(amount: Double) = if (amount > 1) "cups" else "cup"
    };

    open fun plural(amount: Double): String = sign
}

const val MAX_PORTIONS = 64
private val log = System.getLogger("recipes")
var timersRunning: Int = 0

typealias Substitute = (Ingredient) -> Ingredient?

annotation class Tested(val times: Int = 1)

/** Something that can be cooked. */
interface Dish {
    val title: String

    /** Time until it can be served. */
    fun ready(): Duration
    fun label(): String = title.uppercase()
}

fun interface Taste {
    fun judge(dish: Dish): Int
}

sealed class Step(val text: String) {
    class Mix(what: List<Ingredient>) : Step("Mix ${what.joinToString { it.name }}")
    data class Bake(val minutes: Int, val degrees: Int = 180) : Step("Bake for $minutes minutes at $degrees °C")
    object Rest : Step("Let it rest")
}

data class Ingredient(val name: String, val amount: Double, val measure: Measure = Measure.GRAM) {
    operator fun times(factor: Double) = copy(amount = amount * factor)
}

@JvmInline
value class Portions(val count: Int)

class TooManyPortions(portions: Portions) : IllegalArgumentException("cannot cook for ${portions.count}")

/**
 * A recipe that can be scaled.
 *
 * @property steps What to do, in order.
 */
@Tested(times = 3)
open class Recipe(
    override val title: String,
    val ingredients: List<Ingredient>,
    protected val steps: List<Step>,
    portions: Int = 4,
) : Dish, Comparable<Recipe> {
    val portions = Portions(portions) // as written down
    var notes: String = ""
        private set
    private val substitutes = mutableMapOf<String, Substitute>()
    lateinit var taste: Taste

    constructor(title: String, vararg ingredients: Ingredient) : this(title, ingredients.toList(), emptyList())

    init {
        require(title.isNotBlank()) { "a recipe needs a title" }
    }

    val weight: Double
        get() = ingredients.sumOf { it.amount * it.measure.grams }

    override fun ready(): Duration =
        Duration.ofMinutes(steps.filterIsInstance<Step.Bake>().sumOf { it.minutes.toLong() })

    override fun compareTo(other: Recipe) = compareValuesBy(this, other, Recipe::title)

    fun replacing(name: String, substitute: Substitute) = apply { substitutes[name] = substitute }

    /**
     * Changes every amount so that the recipe is for as many people as asked for.
     * Amounts are rounded to what a kitchen scale shows.
     */
    fun scaled(wanted: Portions): Recipe {
        if (wanted.count !in 1..MAX_PORTIONS) throw TooManyPortions(wanted)
        val factor = wanted.count.toDouble() / portions.count
        val changed = mutableListOf<Ingredient>()
        for (ingredient in ingredients) {
            val substitute = substitutes[ingredient.name]
            val chosen = if (substitute == null) ingredient else substitute(ingredient)
            if (chosen == null) {
                log.log(System.Logger.Level.INFO, "left out ${ingredient.name}")
                continue
            }
            val exact = chosen * factor
            val rounded = when (exact.measure) {
                Measure.GRAM -> (exact.amount / 5).roundToInt() * 5.0
                Measure.KILOGRAM -> (exact.amount * 20).roundToInt() / 20.0
                Measure.CUP -> (exact.amount * 4).roundToInt() / 4.0
            }
            // What would round to nothing stays as it is: a pinch is a pinch.
            changed += if (rounded == 0.0) exact else exact.copy(amount = rounded)
        }
        val longer = steps.map { step ->
            when {
                step is Step.Bake && factor > 2 -> step.copy(minutes = (step.minutes * 1.25).roundToInt())
                step is Step.Bake && factor < 0.5 -> step.copy(minutes = (step.minutes * 0.8).roundToInt())
                else -> step
            }
        }
        return Recipe(title, changed, longer, wanted.count).also { copy ->
            copy.notes = "scaled from ${portions.count} to ${wanted.count}"
            substitutes.forEach { (name, substitute) -> copy.replacing(name, substitute) }
        }
    }

    companion object {
        const val DEFAULT_TITLE = "Untitled"

        @JvmStatic
        fun empty() = Recipe(DEFAULT_TITLE)
    }
}

/** All recipes of the house. */
object Cookbook : Iterable<Recipe> {
    private val recipes = sortedSetOf<Recipe>()

    override fun iterator() = recipes.iterator()
}

infix fun Recipe.forPeople(count: Int): Recipe = scaled(Portions(count))

suspend inline fun <reified T : Step> Recipe?.countdown(crossinline tick: (Int) -> Unit) {
    timersRunning++
    for (minute in (this?.ready()?.toMinutes()?.toInt() ?: 0) downTo 1) {
        tick(minute)
        pause(60_000)
    }
}

val Recipe.isVegan: Boolean
    get() = ingredients.none { it.name in setOf("egg", "milk", "butter") }
