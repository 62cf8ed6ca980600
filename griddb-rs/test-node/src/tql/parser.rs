//! From text to a query with resolved columns and types.

use super::eval::{Comparison, Expr, Kind, Operator, Val, check_comparison, fold};
use super::function::Function;
use super::lexer::{Lexer, Token};
use crate::error::{ErrorCode, Refusal};
use crate::wire::schema::{Schema, Type};

/// The deepest nesting of a condition, and the most operators of a sum.
const DEEPEST: usize = 64;

/// The selected columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    Rows,
    /// An aggregation, of a column unless it counts rows.
    Aggregate(Aggregate, Option<usize>),
}

/// Aggregations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Min,
    Max,
    Sum,
    Average,
}

/// A parsed query.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) explain: bool,
    pub(crate) selection: Selection,
    pub(crate) condition: Option<Expr>,
    /// Columns to order by, and whether descending.
    pub(crate) order: Vec<(usize, bool)>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

/// What the names in a query refer to.
struct Names<'a> {
    schema: &'a Schema,
    /// The container's base name in lower case, and as written.
    container: (&'a [u8], &'a [u8]),
    now: i64,
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    names: Names<'a>,
    depth: usize,
}

/// Parses a query on a container.
pub(crate) fn parse(
    text: &[u8],
    schema: &Schema,
    container: (&[u8], &[u8]),
    now: i64,
) -> Result<Query, Refusal> {
    if text.contains(&0) {
        return Err(ErrorCode::INTERNAL.because("NUL in a query"));
    }
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let mut parser = Parser { lexer, token, names: Names { schema, container, now }, depth: 0 };
    parser.query()
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, Refusal> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(found) if found.eq_ignore_ascii_case(word.as_bytes()))
    }

    fn accept_word(&mut self, word: &str) -> Result<bool, Refusal> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Refusal> {
        if self.accept_word(word)? { Ok(()) } else { Err(self.unexpected()) }
    }

    fn accept(&mut self, symbol: &str) -> Result<bool, Refusal> {
        let found = matches!(self.token, Token::Symbol(found) if found == symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Refusal> {
        if self.accept(symbol)? { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Refusal {
        match self.token {
            Token::End => ErrorCode::TQL_TOKEN.because("Invalid token ''"),
            _ => ErrorCode::TQL_SYNTAX.because("Syntax error"),
        }
    }

    fn query(&mut self) -> Result<Query, Refusal> {
        let explain = self.accept_word("explain")?;
        self.expect_word("select")?;
        let selection = self.selection()?;
        if self.accept_word("from")? {
            self.from()?;
        }
        let condition = if self.accept_word("where")? { Some(self.disjunction()?) } else { None };
        let order = self.order()?;
        let (mut limit, mut offset) = (None, 0);
        if self.accept_word("limit")? {
            limit = Some(self.plain_number()?);
            if self.accept_word("offset")? {
                offset = self.plain_number()?;
            }
        }
        if self.token != Token::End {
            return Err(self.unexpected());
        }
        if let Some(condition) = &condition {
            condition.must_be_bool()?;
        }
        if !order.is_empty() && selection != Selection::Rows {
            return Err(ErrorCode::TQL_ORDER_WITH_AGGREGATION.into());
        }
        Ok(Query { explain, selection, condition, order, limit, offset })
    }

    fn selection(&mut self) -> Result<Selection, Refusal> {
        if self.accept("*")? {
            return Ok(Selection::Rows);
        }
        let Token::Word(word) = &self.token else { return Err(self.unexpected()) };
        let aggregate = match word.to_ascii_lowercase().as_slice() {
            b"count" => Some(Aggregate::Count),
            b"min" => Some(Aggregate::Min),
            b"max" => Some(Aggregate::Max),
            b"sum" => Some(Aggregate::Sum),
            b"avg" => Some(Aggregate::Average),
            _ => None,
        };
        self.advance()?;
        let Some(aggregate) = aggregate else { return Err(self.unexpected()) };
        self.expect("(")?;
        if aggregate == Aggregate::Count && self.accept("*")? {
            self.expect(")")?;
            return Ok(Selection::Aggregate(aggregate, None));
        }
        let column = self.column()?;
        self.expect(")")?;
        let definition = &self.names.schema.columns[column];
        let number = |kind| !matches!(Kind::of(kind), Kind::Bool | Kind::Text | Kind::Time | Kind::Opaque);
        let fits = match aggregate {
            Aggregate::Count => true,
            Aggregate::Min | Aggregate::Max => {
                number(definition.kind) || Kind::of(definition.kind) == Kind::Time
            }
            Aggregate::Sum | Aggregate::Average => number(definition.kind),
        };
        if definition.array || !fits {
            return Err(ErrorCode::TQL_AGGREGATE.into());
        }
        Ok(Selection::Aggregate(aggregate, Some(column)))
    }

    fn from(&mut self) -> Result<(), Refusal> {
        let (lower, exact) = self.names.container;
        let same = match &self.token {
            Token::Word(name) => name.to_ascii_lowercase() == lower,
            Token::Name(name) => name == exact,
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        if same { Ok(()) } else { Err(ErrorCode::TQL_COLLECTION.into()) }
    }

    fn order(&mut self) -> Result<Vec<(usize, bool)>, Refusal> {
        let mut order = Vec::new();
        if self.accept_word("order")? {
            self.expect_word("by")?;
            loop {
                let column = self.column()?;
                let definition = &self.names.schema.columns[column];
                if definition.array || Kind::of(definition.kind) == Kind::Opaque {
                    return Err(ErrorCode::TQL_ARGUMENT.because("cannot order by this column"));
                }
                let descending = self.accept_word("desc")?;
                if !descending {
                    self.accept_word("asc")?;
                }
                order.push((column, descending));
                if !self.accept(",")? {
                    break;
                }
            }
        }
        Ok(order)
    }

    fn plain_number(&mut self) -> Result<usize, Refusal> {
        let Token::Int(number) = self.token else { return Err(self.unexpected()) };
        self.advance()?;
        usize::try_from(number).map_err(|_| self.unexpected())
    }

    /// A column by its bare name in any case, or by its exact name in double quotes.
    fn column(&mut self) -> Result<usize, Refusal> {
        let token = self.advance_name()?;
        self.find(&token)
    }

    fn advance_name(&mut self) -> Result<Token, Refusal> {
        if matches!(self.token, Token::Word(_) | Token::Name(_)) {
            self.advance()
        } else {
            Err(self.unexpected())
        }
    }

    fn find(&self, token: &Token) -> Result<usize, Refusal> {
        let schema = self.names.schema;
        let found = match token {
            Token::Word(name) => schema.find(name),
            Token::Name(name) => schema.columns.iter().position(|column| column.name == *name),
            _ => None,
        };
        found.ok_or_else(|| ErrorCode::TQL_COLUMN.because("No such column"))
    }

    /// OR and XOR; then AND, NOT, comparisons, sums, products, signs.
    fn disjunction(&mut self) -> Result<Expr, Refusal> {
        let depth = self.depth;
        self.deeper()?;
        let mut parts = vec![self.conjunction()?];
        loop {
            if self.accept_word("or")? {
                parts.push(self.conjunction()?);
            } else if self.accept_word("xor")? {
                self.deeper()?;
                let left = joined(parts, Expr::Or)?;
                let right = self.conjunction()?;
                left.must_be_bool()?;
                right.must_be_bool()?;
                parts = vec![Expr::Xor(Box::new(left), Box::new(right))];
            } else {
                break;
            }
        }
        self.depth = depth;
        joined(parts, Expr::Or)
    }

    fn conjunction(&mut self) -> Result<Expr, Refusal> {
        let mut parts = vec![self.negation()?];
        while self.accept_word("and")? {
            parts.push(self.negation()?);
        }
        joined(parts, Expr::And)
    }

    fn deeper(&mut self) -> Result<(), Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ErrorCode::TQL_SYNTAX.because("nested too deeply"));
        }
        Ok(())
    }

    fn negation(&mut self) -> Result<Expr, Refusal> {
        let mut negated = false;
        while self.accept_word("not")? {
            negated = !negated;
        }
        let inner = self.comparison()?;
        if negated {
            inner.must_be_bool()?;
            return Ok(Expr::Not(Box::new(inner)));
        }
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Expr, Refusal> {
        let left = self.sum()?;
        let comparison = match self.token {
            Token::Symbol("=" | "==") => Comparison::Equal,
            Token::Symbol("<>" | "!=") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            _ => return self.predicate(left),
        };
        self.advance()?;
        let right = self.sum()?;
        check_comparison(comparison, left.kind(), right.kind())?;
        Ok(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    fn predicate(&mut self, left: Expr) -> Result<Expr, Refusal> {
        if self.accept_word("is")? {
            let negated = self.accept_word("not")?;
            self.expect_word("null")?;
            return Ok(Expr::IsNull(Box::new(left), negated));
        }
        let negated = self.is_word("not");
        if negated {
            self.advance()?;
            if !self.is_word("like") {
                return Err(self.unexpected());
            }
        }
        if self.accept_word("like")? {
            let pattern = self.sum()?;
            let escape = if self.accept_word("escape")? { self.escape()? } else { None };
            if [left.kind(), pattern.kind()].iter().any(|kind| !matches!(kind, Kind::Text | Kind::Null)) {
                return Err(ErrorCode::TQL_OPERATION.into());
            }
            let like = Expr::Like(Box::new(left), Box::new(pattern), escape);
            return Ok(if negated { Expr::Not(Box::new(like)) } else { like });
        }
        Ok(left)
    }

    fn escape(&mut self) -> Result<Option<u8>, Refusal> {
        match self.advance()? {
            Token::Text(text) if text.len() == 1 => Ok(text.first().copied()),
            Token::Text(_) => Err(ErrorCode::TQL_ARGUMENT.into()),
            _ => Err(self.unexpected()),
        }
    }

    fn sum(&mut self) -> Result<Expr, Refusal> {
        let depth = self.depth;
        let sum = self.open_sum()?;
        self.depth = depth;
        Ok(sum)
    }

    fn open_sum(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.product()?;
        loop {
            let operator = match self.token {
                Token::Symbol("+") => Operator::Add,
                Token::Symbol("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            self.advance()?;
            self.deeper()?;
            left = arithmetic(operator, left, self.product()?)?;
        }
    }

    fn product(&mut self) -> Result<Expr, Refusal> {
        let mut left = self.operand()?;
        loop {
            let operator = match self.token {
                Token::Symbol("*") => Operator::Multiply,
                Token::Symbol("/") => Operator::Divide,
                Token::Symbol("%") => Operator::Remainder,
                _ => return Ok(left),
            };
            self.advance()?;
            self.deeper()?;
            left = arithmetic(operator, left, self.operand()?)?;
        }
    }

    fn operand(&mut self) -> Result<Expr, Refusal> {
        if self.accept("-")? {
            self.deeper()?;
            return arithmetic(Operator::Subtract, Expr::Literal(Val::Int(0)), self.operand()?);
        }
        if self.accept("+")? {
            self.deeper()?;
            return self.operand();
        }
        if self.accept("(")? {
            let inner = self.disjunction()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let literal = match &mut self.token {
            Token::Text(text) => Val::Text(std::mem::take(text).into()),
            Token::Int(number) => Val::Int(*number),
            Token::Float(number) => Val::Float(*number),
            Token::Word(_) | Token::Name(_) => return self.name(),
            _ => return Err(self.unexpected()),
        };
        self.advance()?;
        Ok(Expr::Literal(literal))
    }

    /// NULL, a function, or a column.
    fn name(&mut self) -> Result<Expr, Refusal> {
        let name = self.advance()?;
        if let Token::Word(word) = &name {
            if word.eq_ignore_ascii_case(b"null") {
                return Ok(Expr::Literal(Val::Null));
            }
            const RESERVED: [&str; 9] =
                ["select", "from", "where", "and", "or", "not", "order", "limit", "exists"];
            if RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved.as_bytes())) {
                return Err(ErrorCode::TQL_SYNTAX.because("Syntax error"));
            }
            if self.accept("(")? {
                return self.call(word);
            }
        }
        let column = self.find(&name)?;
        let definition = &self.names.schema.columns[column];
        let kind = if definition.array { Kind::Opaque } else { Kind::of(definition.kind) };
        Ok(Expr::Column(column, kind))
    }

    fn call(&mut self, name: &[u8]) -> Result<Expr, Refusal> {
        self.deeper()?;
        let mut arguments = Vec::new();
        let mut unit = None;
        let is_add_or_difference =
            |name: &[u8]| [b"timestampadd".as_slice(), b"timestampdiff"].contains(&name);
        if is_add_or_difference(&name.to_ascii_lowercase()) {
            let Token::Word(word) = self.advance_name()? else { return Err(self.unexpected()) };
            unit = Some(word);
            self.expect(",")?;
        }
        if !self.accept(")")? {
            loop {
                arguments.push(self.sum()?);
                if !self.accept(",")? {
                    break;
                }
            }
            self.expect(")")?;
        }
        let function = Function::find(name, unit.as_deref())?;
        function.check(&arguments)?;
        let call = Expr::Call(function, arguments);
        fold(call, self.names.now)
    }
}

/// A single operand stands for itself; several must be boolean.
fn joined(mut parts: Vec<Expr>, make: impl FnOnce(Vec<Expr>) -> Expr) -> Result<Expr, Refusal> {
    if parts.len() == 1
        && let Some(part) = parts.pop()
    {
        return Ok(part);
    }
    for part in &parts {
        part.must_be_bool()?;
    }
    Ok(make(parts))
}

fn arithmetic(operator: Operator, left: Expr, right: Expr) -> Result<Expr, Refusal> {
    let numbers = [left.kind(), right.kind()].iter().all(|kind| matches!(kind, Kind::Number | Kind::Null));
    if !numbers {
        return Err(ErrorCode::TQL_OPERATION.into());
    }
    fold(Expr::Arithmetic(operator, Box::new(left), Box::new(right)), 0)
}

impl Kind {
    /// How values of a column type take part in comparisons.
    pub(super) fn of(kind: Type) -> Self {
        match kind {
            Type::String => Self::Text,
            Type::Bool => Self::Bool,
            Type::Byte | Type::Short | Type::Integer | Type::Long | Type::Float | Type::Double => {
                Self::Number
            }
            Type::Timestamp | Type::MicroTimestamp | Type::NanoTimestamp => Self::Time,
            Type::Geometry | Type::Blob => Self::Opaque,
        }
    }
}
