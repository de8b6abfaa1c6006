#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Dates as JavaScript's `Date.prototype.toISOString` writes them, with microseconds where there are any. Foundation's
/// own format has three digits at most. (ECMA-262, "Date Time String Format".)
enum ISO8601 {
    private static let secondsOfDay = 86400
    /// From 1970 to 2001, the reference date of Foundation.
    private static let epoch = 978_307_200

    // MARK: - Writing

    /// The text of a date, rounded to a microsecond; nil if its year has more than six digits.
    static func text(_ date: Date) -> String? {
        let time = date.timeIntervalSinceReferenceDate
        guard abs(time) < 1e14 else { return nil }
        var seconds = Int(time.rounded(.down))
        var microseconds = Int(((time - Double(seconds)) * 1e6).rounded())
        if microseconds == 1_000_000 { (seconds, microseconds) = (seconds + 1, 0) }
        seconds += epoch
        let day = floorDivision(seconds, secondsOfDay)
        let second = seconds - day * secondsOfDay
        let (year, month, dayOfMonth) = calendarDay(day)
        guard abs(year) <= 999_999 else { return nil }
        let yearText =
            (0...9999).contains(year) ? digits(year, 4) : (year < 0 ? "-" : "+") + digits(abs(year), 6)
        let fraction =
            microseconds.isMultiple(of: 1000) ? digits(microseconds / 1000, 3) : digits(microseconds, 6)
        return "\(yearText)-\(digits(month, 2))-\(digits(dayOfMonth, 2))T\(digits(second / 3600, 2)):"
            + "\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2)).\(fraction)Z"
    }

    private static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    // MARK: - Reading

    /// The date that a text stands for: date and time with seconds, any fraction of them, and `Z` or an offset.
    static func date(_ text: String) -> Date? {
        var scanner = Scanner(rest: text.utf8[...])
        guard let year = scanner.year(), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
            let day = scanner.number(2), scanner.take("T"), let hour = scanner.number(2), scanner.take(":"),
            let minute = scanner.number(2), scanner.take(":"), let second = scanner.number(2),
            let fraction = scanner.fraction(), let offset = scanner.offset(), scanner.rest.isEmpty,
            (1...12).contains(month), (1...daysOfMonth(month, year)).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        let seconds = dayNumber(year, month, day) * secondsOfDay + (hour * 60 + minute - offset) * 60 + second
        return Date(timeIntervalSinceReferenceDate: Double(seconds - epoch) + fraction)
    }

    private struct Scanner {
        var rest: Substring.UTF8View

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character.asciiValue else { return false }
            rest.removeFirst()
            return true
        }

        /// A number of so many digits.
        mutating func number(_ width: Int) -> Int? {
            let digits = rest.prefix(width)
            guard digits.count == width, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(width)
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        /// Four digits, or six with a sign.
        mutating func year() -> Int? {
            if take("+") { return number(6) }
            if take("-") { return number(6).flatMap { $0 == 0 ? nil : -$0 } }
            return number(4)
        }

        /// What follows the seconds; 0 if there is nothing.
        mutating func fraction() -> Double? {
            guard take(".") else { return 0 }
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest.dropFirst(digits.count)
            return Double("0." + String(decoding: digits, as: UTF8.self))
        }

        /// Minutes east of UTC.
        mutating func offset() -> Int? {
            if take("Z") { return 0 }
            let sign = take("+") ? 1 : take("-") ? -1 : 0
            guard sign != 0, let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            return sign * (hours * 60 + minutes)
        }
    }

    // MARK: - The Gregorian calendar

    // Days are counted from 1970, in eras of 400 years of 146097 days that begin on the first of March. (Howard Hinnant,
    // "chrono-Compatible Low-Level Date Algorithms".)

    private static func calendarDay(_ number: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = number + 719_468
        let era = floorDivision(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = floorDivision(shiftedYear, 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func daysOfMonth(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func floorDivision(_ number: Int, _ divisor: Int) -> Int {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
