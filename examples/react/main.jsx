import { createRoot } from 'react-dom/client';
import { Maker } from './maker.jsx';

createRoot(document.getElementById('root')).render(<Maker />);
