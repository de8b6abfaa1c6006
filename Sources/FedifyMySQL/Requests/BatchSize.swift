/// The sizes of statements. There are few, so that each connection prepares few statements.
enum BatchSize {
    /// The largest of 1, 2, 3, 4, 6, 8, 12, 16, 24, … that is not more than `count`.
    static func bucket(notAbove count: Int) -> Int {
        guard count > 1 else { return count }
        let power = 1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)
        return count >= power + power / 2 ? power + power / 2 : power
    }

    /// The smallest power of two that is not less than `count`.
    static func bucket(notBelow count: Int) -> Int {
        var size = 1
        while size < count { size *= 2 }
        return size
    }
}
