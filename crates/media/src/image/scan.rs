//! Walks the entropy-coded data of JPEG scans symbol by symbol, sequential and progressive, to find
//! where it ends and whether it is whole. Keeps no coefficient, only which of them are not zero,
//! because the length of a refinement scan depends on it. Source: ITU-T T.81 Annexes B, F and G.

/// The number of coefficients of a block.
const COEFFICIENTS: u8 = 64;

/// A component of the frame.
#[derive(Debug, Default)]
struct Component {
    id: u8,
    /// The sampling factors.
    horizontal: u32,
    vertical: u32,
    /// The blocks that hold pixels.
    blocks_wide: u32,
    blocks_high: u32,
    /// For each of these blocks, the coefficients that are not zero, as bits. Empty in a sequential
    /// frame.
    nonzero: Vec<u64>,
}

/// A component of a scan: its number in the frame and its Huffman tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScanComponent {
    component: usize,
    dc_table: usize,
    ac_table: usize,
}

/// The frame and the tables that the next scan is read with.
#[derive(Debug, Default)]
pub(super) struct Scan {
    is_progressive: bool,
    width: u32,
    height: u32,
    components: Vec<Component>,
    dc_tables: [Option<HuffmanTable>; 4],
    ac_tables: [Option<HuffmanTable>; 4],
    /// The number of MCUs between restart markers; 0 for none.
    pub(super) restart_interval: u32,
    /// The first and last coefficient, and the bit positions, of the current scan.
    spectrum: (u8, u8),
    approximation: (u8, u8),
}

impl Scan {
    /// Reads a frame header. Returns the size in pixels, or `None` if the header is invalid or the
    /// second one.
    pub(super) fn read_frame(&mut self, body: &[u8], is_progressive: bool) -> Option<(u16, u16)> {
        let (&[precision, h1, h0, w1, w0, count], components) = body.split_first_chunk::<6>()?;
        let (height, width) = (u16::from_be_bytes([h1, h0]), u16::from_be_bytes([w1, w0]));
        let (triples, rest) = components.as_chunks::<3>();
        let is_valid = precision == 8 && (1..=4).contains(&count) && triples.len() == usize::from(count);
        if !is_valid || !rest.is_empty() || !self.components.is_empty() || width == 0 || height == 0 {
            return None;
        }
        let parse = |&[id, sampling, _]: &[u8; 3]| {
            let (horizontal, vertical) = (u32::from(sampling >> 4), u32::from(sampling & 15));
            let is_valid = (1..=4).contains(&horizontal) && (1..=4).contains(&vertical);
            is_valid.then(|| Component { id, horizontal, vertical, ..Component::default() })
        };
        self.components = triples.iter().map(parse).collect::<Option<_>>()?;
        (self.is_progressive, self.width, self.height) = (is_progressive, width.into(), height.into());
        Some((width, height))
    }

    /// Allocates what the scans are read into. The caller has checked the size.
    pub(super) fn prepare(&mut self) {
        let (widest, highest) = self.max_sampling();
        for component in &mut self.components {
            component.blocks_wide = (self.width * component.horizontal).div_ceil(8 * widest);
            component.blocks_high = (self.height * component.vertical).div_ceil(8 * highest);
            if self.is_progressive {
                let blocks = u64::from(component.blocks_wide) * u64::from(component.blocks_high);
                component.nonzero = vec![0; usize::try_from(blocks).unwrap_or_default()];
            }
        }
    }

    /// Returns the number of components of the frame.
    pub(super) fn components(&self) -> usize {
        self.components.len()
    }

    fn max_sampling(&self) -> (u32, u32) {
        let widest = self.components.iter().map(|component| component.horizontal).max().unwrap_or(1);
        let highest = self.components.iter().map(|component| component.vertical).max().unwrap_or(1);
        (widest, highest)
    }

    /// Reads a segment of Huffman tables.
    pub(super) fn read_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&[class_and_place], rest)) = body.split_first_chunk::<1>() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let length = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(length)?;
            let tables = if class_and_place < 16 { &mut self.dc_tables } else { &mut self.ac_tables };
            let place = usize::from(class_and_place & 15);
            *tables.get_mut(place).filter(|_| class_and_place < 32)? = Some(HuffmanTable::new(counts, symbols)?);
            body = rest;
        }
        Some(())
    }

    /// Reads a scan header. Sets the parameters that a sequential scan must have: some cameras
    /// write zeros.
    pub(super) fn read_header(&mut self, body: &mut [u8]) -> Option<Vec<ScanComponent>> {
        let (count, rest) = body.split_first_mut()?;
        let count = usize::from(*count);
        let (selectors, parameters) = rest.split_at_mut_checked(2 * count).filter(|_| (1..=4).contains(&count))?;
        let parameters: &mut [u8; 3] = parameters.try_into().ok()?;
        if !self.is_progressive {
            *parameters = [0, COEFFICIENTS - 1, 0];
        }
        let [first, last, approximation] = *parameters;
        self.spectrum = (first, last);
        self.approximation = (approximation >> 4, approximation & 15);
        let is_valid = first <= last && last < COEFFICIENTS && (first > 0 || last == 0 || !self.is_progressive);
        // Coefficients other than the first are in scans of one component.
        if !is_valid || (self.is_progressive && first > 0 && count != 1) {
            return None;
        }
        let (pairs, _) = selectors.as_chunks::<2>();
        let parse = |&[id, tables]: &[u8; 2]| {
            let component = self.components.iter().position(|component| component.id == id)?;
            Some(ScanComponent { component, dc_table: usize::from(tables >> 4), ac_table: usize::from(tables & 15) })
        };
        pairs.iter().map(parse).collect()
    }

    /// Returns the number of restart intervals of a scan.
    pub(super) fn intervals(&self, components: &[ScanComponent]) -> u32 {
        let (wide, high) = self.mcus(components);
        let mcus = wide.saturating_mul(high);
        if self.restart_interval == 0 { 1 } else { mcus.div_ceil(self.restart_interval) }
    }

    /// Returns the MCUs of a scan in a row, and the number of rows. In a scan of one component, an
    /// MCU is one block.
    fn mcus(&self, components: &[ScanComponent]) -> (u32, u32) {
        let (widest, highest) = self.max_sampling();
        match components {
            [only] => self.components.get(only.component).map_or((0, 0), |one| (one.blocks_wide, one.blocks_high)),
            _ => (self.width.div_ceil(8 * widest), self.height.div_ceil(8 * highest)),
        }
    }

    /// Reads one restart interval. Returns the length of its data in bytes, or `None` if the data
    /// ends before the last symbol or a symbol is invalid.
    pub(super) fn read_interval(&mut self, scan: &[ScanComponent], interval: u32, data: &[u8]) -> Option<usize> {
        let (wide, high) = self.mcus(scan);
        let all = wide.checked_mul(high)?;
        let (first, last) = match self.restart_interval {
            0 => (0, all),
            length => (interval.checked_mul(length)?, interval.saturating_add(1).saturating_mul(length).min(all)),
        };
        let mut bits = BitReader { data, at: 0, byte: 0, left: 0 };
        let mut run = 0;
        for mcu in first..last {
            let (row, column) = (mcu / wide, mcu % wide);
            if let [only] = scan {
                self.read_block(*only, &mut bits, &mut run, row, column)?;
                continue;
            }
            for one in scan {
                let (across, down) = {
                    let component = self.components.get(one.component)?;
                    (component.horizontal, component.vertical)
                };
                for y in 0..down {
                    for x in 0..across {
                        self.read_block(*one, &mut bits, &mut run, row * down + y, column * across + x)?;
                    }
                }
            }
        }
        Some(bits.at)
    }

    /// Reads the symbols of one block. `run` is the number of further blocks without coefficients.
    fn read_block(
        &mut self,
        scan: ScanComponent,
        bits: &mut BitReader<'_>,
        run: &mut u32,
        row: u32,
        column: u32,
    ) -> Option<()> {
        let dc = self.dc_tables.get(scan.dc_table).and_then(Option::as_ref);
        let ac = self.ac_tables.get(scan.ac_table).and_then(Option::as_ref);
        if !self.is_progressive {
            let length = dc?.symbol(bits)?;
            bits.skip(length)?;
            return read_sequential(ac?, bits);
        }
        let is_refinement = self.approximation.0 > 0;
        if self.spectrum.0 == 0 {
            let length = if is_refinement { 1 } else { dc?.symbol(bits)? };
            return bits.skip(length);
        }
        let component = self.components.get_mut(scan.component)?;
        let at = u64::from(row) * u64::from(component.blocks_wide) + u64::from(column);
        let nonzero = component.nonzero.get_mut(usize::try_from(at).ok()?)?;
        if is_refinement {
            read_refinement(ac?, bits, run, self.spectrum, nonzero)
        } else {
            read_first(ac?, bits, run, self.spectrum, nonzero)
        }
    }
}

/// Reads the coefficients of a sequential block after the first one (T.81 F.2.2.2).
fn read_sequential(table: &HuffmanTable, bits: &mut BitReader<'_>) -> Option<()> {
    let mut at = 1;
    while at < COEFFICIENTS {
        let symbol = table.symbol(bits)?;
        match (symbol >> 4, symbol & 15) {
            (15, 0) => at += 16,
            (_, 0) => break,
            (zeros, length) => {
                at += zeros + 1;
                bits.skip(length)?;
            }
        }
    }
    Some(())
}

/// Reads the first scan of some coefficients of a block (T.81 G.1.2.2).
fn read_first(
    table: &HuffmanTable,
    bits: &mut BitReader<'_>,
    run: &mut u32,
    (first, last): (u8, u8),
    nonzero: &mut u64,
) -> Option<()> {
    if *run > 0 {
        *run -= 1;
        return Some(());
    }
    let mut at = first;
    while at <= last {
        let symbol = table.symbol(bits)?;
        match (symbol >> 4, symbol & 15) {
            (15, 0) => at += 16,
            (exponent, 0) => {
                *run = (1 << exponent) + bits.read(exponent)? - 1;
                break;
            }
            (zeros, length) => {
                at += zeros;
                bits.skip(length)?;
                mark(nonzero, at);
                at += 1;
            }
        }
    }
    Some(())
}

/// Reads a scan that refines some coefficients of a block by one bit (T.81 G.1.2.3).
fn read_refinement(
    table: &HuffmanTable,
    bits: &mut BitReader<'_>,
    run: &mut u32,
    (first, last): (u8, u8),
    nonzero: &mut u64,
) -> Option<()> {
    let mut at = first;
    if *run == 0 {
        while at <= last {
            let symbol = table.symbol(bits)?;
            let (mut zeros, length) = (symbol >> 4, symbol & 15);
            match length {
                0 if zeros < 15 => {
                    *run = (1 << zeros) + bits.read(zeros)?;
                    break;
                }
                // The sign of a new coefficient.
                1 => bits.skip(1)?,
                0 => {}
                _ => return None,
            }
            while at <= last {
                if is_marked(*nonzero, at) {
                    bits.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if length > 0 {
                mark(nonzero, at);
            }
            at += 1;
        }
    }
    if *run > 0 {
        for at in at..=last {
            if is_marked(*nonzero, at) {
                bits.skip(1)?;
            }
        }
        *run -= 1;
    }
    Some(())
}

/// Notes a coefficient. One beyond the last is the last: decoders store it there (libjpeg's table of
/// the zigzag order goes on with the last position).
fn mark(nonzero: &mut u64, at: u8) {
    *nonzero |= 1 << at.min(COEFFICIENTS - 1);
}

fn is_marked(nonzero: u64, at: u8) -> bool {
    at < COEFFICIENTS && nonzero >> at & 1 == 1
}

/// A Huffman table: for each length of a code, the number of codes, the first code, and the
/// position of its symbol (T.81 F.2.2.3).
#[derive(Debug)]
struct HuffmanTable {
    lengths: [(u32, u32, usize); 16],
    symbols: Vec<u8>,
}

impl HuffmanTable {
    /// Returns `None` if there are more codes of a length than fit.
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let (mut lengths, mut code, mut place) = ([(0, 0, 0); 16], 0_u32, 0);
        for (number, (length, count)) in lengths.iter_mut().zip(counts).enumerate() {
            *length = (u32::from(*count), code, place);
            code += u32::from(*count);
            if code > 1 << (number + 1) {
                return None;
            }
            code <<= 1;
            place += usize::from(*count);
        }
        Some(Self { lengths, symbols: symbols.to_vec() })
    }

    /// Reads a code and returns its symbol.
    fn symbol(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let mut code = 0;
        for (count, first, place) in self.lengths {
            code = code << 1 | bits.bit()?;
            if let Some(number) = code.checked_sub(first).filter(|number| *number < count) {
                return self.symbols.get(place + usize::try_from(number).ok()?).copied();
            }
        }
        None
    }
}

/// Reads bits of entropy-coded data, up to the next marker.
struct BitReader<'a> {
    data: &'a [u8],
    /// The position after the last byte that was read.
    at: usize,
    byte: u8,
    /// The bits of `byte` that are not read yet.
    left: u32,
}

impl BitReader<'_> {
    /// Reads one bit. Returns `None` before a marker and at the end.
    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = *self.data.get(self.at)?;
            self.at += 1;
            if self.byte == 0xff {
                // A zero byte follows each 0xff of the data; fill bytes come before a marker.
                if self.data.get(self.at) != Some(&0) {
                    self.at -= 1;
                    return None;
                }
                self.at += 1;
            }
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    /// Reads a number of up to 15 bits.
    fn read(&mut self, length: u8) -> Option<u32> {
        (0..length).try_fold(0, |number, _| Some(number << 1 | self.bit()?))
    }

    /// Skips bits.
    fn skip(&mut self, length: u8) -> Option<()> {
        (0..length).try_for_each(|_| self.bit().map(drop))
    }
}
