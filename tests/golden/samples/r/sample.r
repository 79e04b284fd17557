# Smooths and forecasts series of measurements.

library(stats)
require("R6")
source("R/checks.R")

MAX_ITERATIONS <- 200
default_alpha <- 0.3

#' Exponential smoothing of a series
#'
#' Each value is mixed with the one before it.
#'
#' @param x A numeric vector.
#' @param alpha How much the newest value counts, between 0 and 1.
#' @return A numeric vector of the same length.
#' @export
smooth <- function(x, alpha = default_alpha) {
  check_number(alpha, 0, 1)
  step <- function(level, value) alpha * value + (1 - alpha) * level
  Reduce(step, x, accumulate = TRUE)
}

#' @title Fit a model with a season
#' @description The weights are found by a grid, then by halving its steps.
fit_seasonal <- function(x, period, tolerance = 1e-4, verbose = FALSE) {
  stopifnot(is.numeric(x), length(x) >= 2 * period)
  weights <- c(level = 0.5, trend = 0.1, season = 0.1)
  step <- 0.25

  run <- function(weights) {
    level <- mean(x[seq_len(period)])
    trend <- (mean(x[period + seq_len(period)]) - level) / period
    season <- x[seq_len(period)] - level
    fitted <- numeric(length(x))
    for (i in seq_along(x)) {
      at <- (i - 1) %% period + 1
      fitted[i] <- level + trend + season[at]
      before <- level
      level <- weights[["level"]] * (x[i] - season[at]) + (1 - weights[["level"]]) * (level + trend)
      trend <- weights[["trend"]] * (level - before) + (1 - weights[["trend"]]) * trend
      season[at] <- weights[["season"]] * (x[i] - level) + (1 - weights[["season"]]) * season[at]
    }
    list(fitted = fitted, level = level, trend = trend, season = season, error = mean((x - fitted)^2))
  }

  best <- run(weights)
  iteration <- 0
  while (step > tolerance && iteration < MAX_ITERATIONS) {
    iteration <- iteration + 1
    improved <- FALSE
    for (name in names(weights)) {
      for (direction in c(-1, 1)) {
        candidate <- weights
        candidate[[name]] <- min(1, max(0, candidate[[name]] + direction * step))
        result <- run(candidate)
        if (result$error < best$error) {
          best <- result
          weights <- candidate
          improved <- TRUE
        }
      }
    }
    if (!improved) {
      step <- step / 2
    }
    if (verbose) {
      message(sprintf("iteration %d: error %.5f, step %.5f", iteration, best$error, step))
    }
  }
  structure(c(best, list(weights = weights, period = period, n = length(x))), class = "seasonal")
}

#' Continue a series
forecast <- function(model, ...) UseMethod("forecast")

forecast.seasonal <- function(model, ahead = model$period, ...) {
  at <- (model$n + seq_len(ahead) - 1) %% model$period + 1
  model$level + seq_len(ahead) * model$trend + model$season[at]
}

print.seasonal = function(x, ...) {
  cat("seasonal model, period", x$period, "\n")
  invisible(x)
}

`%near%` <- function(a, b) abs(a - b) < sqrt(.Machine$double.eps)

# A series that grows.
Series <- R6::R6Class("Series",
  inherit = Store,
  public = list(
    values = NULL,
    #' Add measurements at the end.
    add = function(values) {
      self$values <- c(self$values, values)
      invisible(self)
    },
    smoothed = function(alpha = default_alpha) smooth(self$values, alpha)
  ),
  private = list(
    cache = list()
  )
)

setClass("Interval", representation(low = "numeric", high = "numeric"))

setGeneric("width", function(object) standardGeneric("width"))

setMethod("width", "Interval", function(object) object@high - object@low)

test_that("smoothing keeps constants", {
  expect_equal(smooth(rep(2, 5)), rep(2, 5))
})
