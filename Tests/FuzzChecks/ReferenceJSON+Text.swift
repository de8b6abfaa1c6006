extension ReferenceJSON {
    /// Another text of the same value: members in another order, space between parts, all of a string escaped.
    var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let number):
            (number.isNegative ? "-" : "") + (number.digits.isEmpty ? "0" : number.digits) + "e\(number.exponent)"
        case .string(let units): Self.quoted(units)
        case .array(let elements): "[ " + elements.map(\.text).joined(separator: " , ") + "\n]"
        case .object(let members):
            "{" + members.map { "\t" + Self.quoted($0) + " :\r" + $1.text }.joined(separator: ",") + " }"
        }
    }

    private static func quoted(_ units: [UInt16]) -> String {
        let escapes = units.map { unit in
            let digits = String(unit, radix: 16, uppercase: unit & 1 == 0)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        return "\"" + escapes.joined() + "\""
    }

    /// How deep arrays and objects are nested.
    var depth: Int {
        switch self {
        case .array(let elements): 1 + (elements.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.map(\.depth).max() ?? 0)
        default: 0
        }
    }

    /// MySQL keeps every number: as an integer of 64 bits, or as the double that the shortest text stands for.
    var isExactOnMySQL: Bool {
        switch self {
        case .number(let number):
            number.isInteger64 || Double(text).map { (try? .number(number) == Self.read("\($0)")) ?? false } ?? false
        case .array(let elements): elements.allSatisfy(\.isExactOnMySQL)
        case .object(let members): members.values.allSatisfy(\.isExactOnMySQL)
        default: true
        }
    }
}

extension ReferenceJSON.Number {
    fileprivate var isInteger64: Bool {
        guard (0...20).contains(exponent) else { return false }
        let text = (isNegative ? "-" : "") + digits + String(repeating: "0", count: exponent)
        return digits.isEmpty || Int64(text) != nil || UInt64(text) != nil
    }
}
