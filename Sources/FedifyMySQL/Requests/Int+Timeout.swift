extension Int {
    /// The number of rows or bytes to request next, after this many timed out; not less than `least`.
    package func reducedAfterTimeout(least: Int = 1) -> Int { Swift.max(least, self / 8) }
}
