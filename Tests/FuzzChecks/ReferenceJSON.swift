import Foundation

/// JSON (RFC 8259) read the plain way, by recursion: what ``ValueCheck`` holds the code against.
indirect enum ReferenceJSON: Equatable {
    case null
    case bool(Bool)
    case number(Number)
    /// UTF-16, which can hold a lone surrogate.
    case string([UInt16])
    case array([ReferenceJSON])
    case object([[UInt16]: ReferenceJSON])

    /// A number's exact value: an integer × 10^exponent. Without trailing zeros there is one way to write it.
    struct Number: Equatable {
        var isNegative = false
        var digits = ""
        var exponent = 0
    }

    enum Failure: Error {
        case notJSON
        /// For the reader, not for JSON.
        case tooDeep
    }

    static let maximumDepth = 100

    static func read(_ text: String) throws(Failure) -> ReferenceJSON {
        var reader = ReferenceReader(bytes: Array(text.utf8))
        let value = try reader.value(depth: 0)
        reader.space()
        guard reader.index == reader.bytes.count else { throw .notJSON }
        return value
    }
}

private struct ReferenceReader {
    let bytes: [UInt8]
    var index = 0

    var next: Character? { index < bytes.count ? Character(UnicodeScalar(bytes[index])) : nil }

    mutating func skip(_ character: Character) -> Bool {
        guard next == character else { return false }
        index += 1
        return true
    }

    mutating func require(_ character: Character) throws(ReferenceJSON.Failure) {
        guard skip(character) else { throw .notJSON }
    }

    mutating func space() {
        while skip(" ") || skip("\t") || skip("\n") || skip("\r") {}
    }

    mutating func value(depth: Int) throws(ReferenceJSON.Failure) -> ReferenceJSON {
        if depth > ReferenceJSON.maximumDepth { throw .tooDeep }
        space()
        switch next {
        case "{": return try object(depth: depth)
        case "[": return try array(depth: depth)
        case "\"": return .string(try string())
        case "t": return try word("true", .bool(true))
        case "f": return try word("false", .bool(false))
        case "n": return try word("null", .null)
        default: return .number(try number())
        }
    }

    mutating func word(_ word: String, _ value: ReferenceJSON) throws(ReferenceJSON.Failure) -> ReferenceJSON {
        for character in word { try require(character) }
        return value
    }

    mutating func array(depth: Int) throws(ReferenceJSON.Failure) -> ReferenceJSON {
        try require("[")
        space()
        if skip("]") { return .array([]) }
        var elements: [ReferenceJSON] = []
        repeat {
            elements.append(try value(depth: depth + 1))
            space()
        } while skip(",")
        try require("]")
        return .array(elements)
    }

    mutating func object(depth: Int) throws(ReferenceJSON.Failure) -> ReferenceJSON {
        try require("{")
        space()
        if skip("}") { return .object([:]) }
        var members: [[UInt16]: ReferenceJSON] = [:]
        repeat {
            space()
            let name = try string()
            space()
            try require(":")
            members[name] = try value(depth: depth + 1)
            space()
        } while skip(",")
        try require("}")
        return .object(members)
    }

    mutating func string() throws(ReferenceJSON.Failure) -> [UInt16] {
        try require("\"")
        var units: [UInt16] = []
        while true {
            let start = index
            while index < bytes.count, bytes[index] >= 0x20, next != "\"", next != "\\" { index += 1 }
            units += Array(String(decoding: bytes[start..<index], as: UTF8.self).utf16)
            if skip("\"") { return units }
            try require("\\")
            guard let escape = next else { throw .notJSON }
            index += 1
            switch escape {
            case "\"", "\\", "/": units += Array(String(escape).utf16)
            case "b": units.append(8)
            case "t": units.append(9)
            case "n": units.append(10)
            case "f": units.append(12)
            case "r": units.append(13)
            case "u":
                var unit: UInt16 = 0
                for _ in 0..<4 {
                    guard let digit = next?.hexDigitValue else { throw .notJSON }
                    unit = unit * 16 + UInt16(digit)
                    index += 1
                }
                units.append(unit)
            default: throw .notJSON
            }
        }
    }

    mutating func number() throws(ReferenceJSON.Failure) -> ReferenceJSON.Number {
        var number = ReferenceJSON.Number(isNegative: skip("-"))
        number.digits = try digits()
        guard number.digits == "0" || !number.digits.hasPrefix("0") else { throw .notJSON }
        if skip(".") {
            let fraction = try digits()
            number.digits += fraction
            number.exponent = -fraction.count
        }
        if skip("e") || skip("E") {
            let isNegative = skip("-")
            if !isNegative { _ = skip("+") }
            // More digits than an Int has: not taken for JSON by the code either.
            guard let exponent = Int(try digits()), exponent < 1_000_000_000_000_000 else { throw .notJSON }
            number.exponent += isNegative ? -exponent : exponent
        }
        while number.digits.hasPrefix("0") { number.digits.removeFirst() }
        while number.digits.hasSuffix("0") {
            number.digits.removeLast()
            number.exponent += 1
        }
        return number.digits.isEmpty ? ReferenceJSON.Number() : number
    }

    mutating func digits() throws(ReferenceJSON.Failure) -> String {
        var digits = ""
        while let digit = next, "0"..."9" ~= digit {
            digits.append(digit)
            index += 1
        }
        if digits.isEmpty { throw .notJSON }
        return digits
    }
}
