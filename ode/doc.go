// Package ode solves initial value problems y' = f(t, y) in float64. It knows
// nothing of neurons: package rate, whose dynamics are closed forms, is checked
// against it.
//
//   - [DOP853]: explicit Runge-Kutta of Dormand and Prince, order 8 with error
//     estimates of orders 5 and 3, for smooth problems that are not stiff
//   - [RadauIIA]: implicit Runge-Kutta of order 5, for stiff problems
//
// Both choose their steps so that the estimated error of each stays within
// AbsTol + RelTol |y|, hold every accepted step as a polynomial (of order 7 and 3),
// find events on it, and say how much work they did. The methods and their
// control are those of E. Hairer, S. P. Nørsett and G. Wanner, Solving Ordinary
// Differential Equations I (2nd edition, Springer 1993, sections II.4 to II.6) and
// E. Hairer and G. Wanner, II (2nd edition, Springer 1996, sections IV.2 and IV.8).
//
// Tolerances bound the error of a step, not of the solution, which depends on the
// problem too: halve them and compare.
package ode
