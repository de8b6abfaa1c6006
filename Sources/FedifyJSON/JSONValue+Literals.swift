extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) {
        self.init(uncheckedJSON: value ? "true" : "false")
    }

    /// An integer.
    public init(integerLiteral value: Int) {
        self.init(uncheckedJSON: String(value))
    }

    /// A number, in the fewest digits that read back the same.
    public init(floatLiteral value: Double) {
        precondition(value.isFinite, "JSON has neither infinities nor NaN")
        self.init(uncheckedJSON: value.description)
    }

    /// A string.
    public init(stringLiteral value: String) {
        self.init(uncheckedJSON: JSONString.quoted(value))
    }

    /// An array.
    public init(arrayLiteral elements: JSONValue...) {
        self.init(elements)
    }

    /// An object with the members in this order. Of members with the same name the last counts.
    public init(dictionaryLiteral members: (String, JSONValue)...) {
        let texts = members.map { name, value in "\(JSONString.quoted(name)):\(value.json)" }
        self.init(uncheckedJSON: "{\(texts.joined(separator: ","))}")
    }

    /// An array of these elements.
    init(_ elements: [JSONValue]) {
        self.init(uncheckedJSON: "[\(elements.map(\.json).joined(separator: ","))]")
    }
}
