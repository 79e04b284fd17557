//! A matrix of 64-bit floats with row-major storage, and solvers for linear systems.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::ops::{Index, Mul};

mod parse;

/// Largest number of rows or columns.
pub const MAX_SIDE: usize = 4_096;
static EPSILON: f64 = 1e-12;

/// Why a system could not be solved.
#[derive(Debug, Clone, PartialEq)]
pub enum SolveError {
    /// Rows depend on each other.
    Singular { row: usize },
    Shape(usize, usize),
}

pub type Solved<T> = Result<T, SolveError>;

/// Rows of numbers, all of one length.
#[derive(Debug, Clone)]
pub struct Matrix {
    rows: usize,
    columns: usize, // length of a row
    cells: Vec<f64>,
}

struct Pivot(usize, f64);

/// Something that solves `a * x = b`.
pub trait Solver {
    type Options: Default;
    const NAME: &'static str;

    fn solve(&self, a: &Matrix, b: &[f64]) -> Solved<Vec<f64>>;

    /// Solves several right-hand sides, one after the other.
    fn solve_all(&self, a: &Matrix, sides: &[Vec<f64>]) -> Solved<Vec<Vec<f64>>> {
        sides.iter().map(|b| self.solve(a, b)).collect()
    }
}

macro_rules! matrix {
    ($([$($cell:expr),*]),*) => { Matrix::from_rows(&[$(&[$($cell as f64),*]),*]) };
}

impl Matrix {
    /// Makes a matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        assert!(rows <= MAX_SIDE && columns <= MAX_SIDE, "too large");
        Self { rows, columns, cells: vec![0.0; rows * columns] }
    }

    pub fn from_rows(rows: &[&[f64]]) -> Self {
        let mut made = Matrix::zeros(rows.len(), rows.first().map_or(0, |row| row.len()));
        for (target, row) in made.cells.chunks_mut(made.columns.max(1)).zip(rows) {
            target.copy_from_slice(row);
        }
        made
    }

    fn swap_rows(&mut self, a: usize, b: usize) {
        for column in 0..self.columns {
            self.cells.swap(a * self.columns + column, b * self.columns + column);
        }
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (row, column): (usize, usize)) -> &f64 {
        &self.cells[row * self.columns + column]
    }
}

impl<'a> Mul<&'a [f64]> for &'a Matrix {
    type Output = Vec<f64>;

    fn mul(self, vector: &'a [f64]) -> Vec<f64> {
        self.cells.chunks(self.columns).map(|row| dot(row, vector)).collect()
    }
}

impl Display for Matrix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cells.chunks(self.columns).try_for_each(|row| writeln!(out, "{row:?}"))
    }
}

/// Gaussian elimination with partial pivoting.
pub struct Elimination {
    pub tolerance: f64,
}

impl Solver for Elimination {
    type Options = HashMap<String, f64>;
    const NAME: &'static str = "elimination";

    /// Brings the matrix to triangular form, then substitutes backwards.
    ///
    /// The largest cell of each column becomes its pivot, which keeps rounding errors small.
    fn solve(&self, a: &Matrix, b: &[f64]) -> Solved<Vec<f64>> {
        if a.rows != a.columns || a.rows != b.len() {
            return Err(SolveError::Shape(a.rows, a.columns));
        }
        let size = a.rows;
        let mut left = a.clone();
        let mut right = b.to_vec();
        for step in 0..size {
            let mut best = Pivot(step, left[(step, step)].abs());
            for row in step + 1..size {
                let candidate = left[(row, step)].abs();
                if candidate > best.1 {
                    best = Pivot(row, candidate);
                }
            }
            if best.1 <= self.tolerance.max(EPSILON) {
                return Err(SolveError::Singular { row: step });
            }
            if best.0 != step {
                left.swap_rows(best.0, step);
                right.swap(best.0, step);
            }
            // Clear the column below the pivot.
            for row in step + 1..size {
                let factor = left[(row, step)] / left[(step, step)];
                if factor == 0.0 {
                    continue;
                }
                for column in step..size {
                    let taken = factor * left[(step, column)];
                    left.cells[row * size + column] -= taken;
                }
                right[row] -= factor * right[step];
            }
        }
        let mut solution = vec![0.0; size];
        for row in (0..size).rev() {
            let known = dot(&left.cells[row * size + row + 1..(row + 1) * size], &solution[row + 1..]);
            solution[row] = (right[row] - known) / left[(row, row)];
        }
        Ok(solution)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_system_is_solved() {
        let solved = Elimination { tolerance: 0.0 }.solve(&matrix!([2, 1], [1, 3]), &[3.0, 5.0]);
        assert_eq!(solved.unwrap().len(), 2);
    }
}
